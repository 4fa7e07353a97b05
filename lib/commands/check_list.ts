/**
 * `greylist check-list FILE…`: how many entries of which form are in a list, which of them do nothing, and which
 * lines cannot be read. Several files, and those of a folder, are one list, as in a setting.
 *
 * What kind of list it is, a switch says, or else the files' names. Status 78 is for a line or a file that cannot
 * be read, which would keep a daemon from starting. What does nothing is a warning, and the status 0; with
 * --strict it is 1.
 */
import { fallbackOf } from "../config/settings.ts";
import { files } from "../files.ts";
import { readAddressList } from "../lists/addresses.ts";
import { readClientList } from "../lists/clients.ts";
import type { Source } from "../lists/lines.ts";
import { describeProblem, describeWarning, type Found } from "../lists/reading.ts";
import { finish } from "../lists/slices.ts";
import { readSources } from "../lists/sources.ts";
import { type Kind, type Surveyable, surveyList } from "../lists/survey.ts";
import type { Given } from "./command.ts";
import { refuse } from "./refuse.ts";
import { print, standardErrorIsPostfix, tell } from "./terminal.ts";

const kinds: readonly Kind[] = ["clients", "senders", "recipients"];

export async function checkList({ line }: Given): Promise<number> {
  const { words: paths, problems, switches, settings } = line;
  if (problems.length > 0) return await refuse(problems);
  if (paths.length === 0) return await refuse(["check-list: want FILE behind it"]);
  const kind = kindOf(paths, switches);
  if (kind === undefined) {
    const wanted = "one of --clients, --senders and --recipients, or names that tell";
    return await refuse([`${paths.join(", ")}: want ${wanted} (such as whitelist_senders)`]);
  }
  const read = await readSources(paths.map((path) => ({ path, optional: false })), files);
  const delimiters = settings.get("recipient-delimiter")?.texts[0];
  const found = await readList(kind, read.sources, delimiters);
  const { forms, remarks } = surveyList(kind, found.list, found.problems);
  const counts = [...forms].map(([form, count]) => `${form}: ${count}`).join(", ");
  print(`list of ${kind}, entries: ${found.size}${counts && ` (${counts})`}`);
  const warnings = [...read.warnings, ...found.warnings.map(describeWarning), ...remarks];
  if (!standardErrorIsPostfix()) tell(warnings.map((warning) => `warning: ${warning}`));
  const unread = [...read.problems, ...found.problems.map(describeProblem)];
  if (unread.length > 0) return await refuse(unread);
  return warnings.length > 0 && switches.has("strict") ? 1 : 0;
}

/** What a switch says, or all the files' names. */
function kindOf(paths: readonly string[], switches: ReadonlySet<string>): Kind | undefined {
  // The last word of a path that is one: /srv/clients/whitelist_senders.d/10-own is a list of senders.
  const named = paths.map((path) => path.match(/clients|senders|recipients/g)?.at(-1));
  const asked = kinds.filter((kind) => switches.has(kind));
  const found = asked.length > 0
    ? asked
    : kinds.filter((kind) => named.every((name) => name === kind));
  return found.length === 1 ? found[0] : undefined;
}

async function readList(
  kind: Kind,
  sources: readonly Source[],
  delimiters = fallbackOf("recipient-delimiter", "daemon") ?? "",
): Promise<Found & { readonly list: Surveyable }> {
  if (kind === "clients") return await finish(readClientList(sources));
  return await finish(readAddressList(sources, kind === "senders" ? "+" : delimiters));
}
