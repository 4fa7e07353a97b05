/**
 * `greylist import`: brings in what postgrey or sqlgrey knew, or an export of our own.
 *
 * - Several files are one import; `-` is standard input. Each is begun to be read before anything is written.
 * - --delay is postgrey's: the setting counts here only from the command line, and is 5 minutes otherwise. So does
 *   --dry-run: a server that is only trying things out has to learn all the same.
 * - Lines that cannot be read are told by their number, and left out; what has no place here is counted. A file that
 *   is none, or is cut off, ends it. What was imported by then stays, and all can be imported again.
 *
 * Exit status: 0; 65 (sysexits.h: EX_DATAERR) if anything could not be read or a file is not for us; 66 (EX_NOINPUT)
 * if there is none; 69 (EX_UNAVAILABLE) if the store fails; 78 for the command line and the configuration.
 */
import { load, subjectOptions } from "../config/load.ts";
import { files } from "../files.ts";
import { type Findings, SourceError } from "../moves/finding.ts";
import { Intake } from "../moves/intake.ts";
import { ownSource, tripletKeyLength } from "../moves/own_lines.ts";
import { type PostgreyOptions, postgreySource } from "../moves/postgrey.ts";
import { type SqlgreyOptions, sqlgreySource } from "../moves/sqlgrey.ts";
import { type Store, StoreError } from "../stores/store.ts";
import type { Given } from "./command.ts";
import { type Begun, nameOf, takeAll } from "./import_run.ts";
import { refuse } from "./refuse.ts";
import { copiesKept, openState, whyNoState } from "./state.ts";
import { exitData, exitNoInput, exitUnavailable } from "./statuses.ts";
import { tell } from "./terminal.ts";

/** postgrey's own default. */
const usualDelaySeconds = 300;

export async function importState({ line, env }: Given): Promise<number> {
  const { words: names, options } = line, from = options.get("from");
  const problems = [...line.problems];
  if (names.length === 0) problems.push("import: want FILE behind it, or - for standard input");
  if (from !== undefined && from !== "postgrey" && from !== "sqlgrey") {
    problems.push(`--from: want postgrey or sqlgrey, got "${from}"`);
  }
  if (problems.length > 0) return await refuse(problems);
  const loaded = await load({ flags: line, env, ...files });
  if ("problems" in loaded) return await refuse(loaded.problems, loaded.config.log);
  const { setup } = loaded, { config } = setup, why = whyNoState(config);
  if (why !== undefined) return await refuse([why]);
  const isTrial = line.settings.has("dry-run") && config.dryRun;
  const times = {
    now: Date.now() / 1000,
    retryWindowSeconds: config.retryWindow,
    maxAgeSeconds: config.maxAge,
  };
  const delaySeconds = line.settings.has("delay") ? config.delay : usualDelaySeconds;
  const how = { subjects: subjectOptions(setup), times, delaySeconds };
  const sourceOf = sourcesFrom(from, how);
  const down = new Set<string>();
  let store: Store | undefined;
  try {
    const begun: Begun[] = [];
    for (const name of names) {
      const source = sourceOf(name);
      begun.push({ name, source, first: await source.next() });
    }
    const observer = { down: (server: string) => void down.add(server), up() {} };
    store = isTrial ? undefined : await openState(setup, { bulk: true, observer });
    const tripletKey = tripletKeyLength(config), copies = copiesKept(config);
    const intake = new Intake(store, { times, tripletKey, copies });
    const isWhole = await takeAll(begun, intake, isTrial), { missed } = intake.counts;
    if (missed > 0) {
      const servers = down.size === 0 ? "" : ` (${[...down].join(", ")})`;
      tell([
        `${missed} copies could not be written${servers}: import again when all servers answer`,
      ]);
      return exitUnavailable;
    }
    return isWhole ? 0 : exitData;
  } catch (error) {
    if (error instanceof SourceError) {
      tell([error.message]);
      return error.isMissing ? exitNoInput : exitData;
    }
    if (!(error instanceof StoreError)) throw error;
    tell([error.message, "what was imported before that stays; import all of it again"]);
    return exitUnavailable;
  } finally {
    await store?.close();
  }
}

/** Gives the source that a word on the command line names. */
function sourcesFrom(
  from: string | undefined,
  options: PostgreyOptions & SqlgreyOptions,
): (name: string) => Findings {
  return (name) => {
    if (from === "postgrey") return naming(name, postgreySource(name, options));
    if (from === "sqlgrey") return naming(name, sqlgreySource(name, options));
    return naming(name, ownSource(name, options.subjects));
  };
}

/** The same, whose error says of which file it is. */
async function* naming(name: string, source: Findings): Findings {
  try {
    yield* source;
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new SourceError(`${nameOf(name)}: ${error.message}`, error.isMissing);
  }
}
