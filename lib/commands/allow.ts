/**
 * `greylist allow`: lets a mail, a sender from a client, or a client pass until a time, as if it had earned that.
 * A record that ends later by itself is left as it is.
 *
 * Exit status: 0; 64; 66, 69, also when not all copies could be told; 78, also where the settings let no such record
 * count.
 */
import type { Config } from "../config/settings.ts";
import { formatDuration, parseDuration } from "../config/units.ts";
import { type FoundRecord, ownersOf, recordsOf } from "../greylist/explanation.ts";
import { timeInWords } from "../greylist/record_words.ts";
import { encodeClient, encodeSender, encodeTriplet } from "../greylist/records.ts";
import { wholeSeconds } from "../greylist/trust.ts";
import type { Subject } from "../identity/subject.ts";
import type { ListFile } from "../lists/sources.ts";
import { escapeText } from "../log/escape.ts";
import { type Asking, withAsking } from "./asking.ts";
import type { Given } from "./command.ts";
import { refuse } from "./refuse.ts";
import { Changing, readAll, type Scope, scopeOf } from "./scope.ts";
import { exitUsage } from "./statuses.ts";
import { print, tell } from "./terminal.ts";

export async function allow(given: Given): Promise<number> {
  const { line } = given;
  if (line.problems.length > 0) return await refuse(line.problems);
  const period = periodOf(line.options.get("for"));
  if (typeof period === "string") {
    tell([`--for: ${period}`]);
    return exitUsage;
  }
  return await withAsking(given, async (asking) => {
    const asked = scopeOf(asking);
    if (typeof asked === "number") return asked;
    const { scope, subject } = asked;
    const why = whyNot(asking, subject, scope);
    if (why !== undefined) return await refuse([why]);
    const seconds = period ?? asking.setup.config.maxAge;
    const until = wholeSeconds(asking.now) + seconds;
    const changing = new Changing(asking), written: FoundRecord[] = [], left: FoundRecord[] = [];
    for (const { found, text } of await recordsFor(asking, subject, scope, until)) {
      if (text === undefined) left.push(found);
      else {
        await changing.put(found.key, text, Math.ceil(until - asking.now));
        written.push(found);
      }
    }
    const told = ({ kind, of, key }: FoundRecord) => ({ kind, of: escapeText(of), key });
    if (line.switches.has("json")) {
      print(JSON.stringify({ until, allowed: written.map(told), left: left.map(told) }));
    } else {
      const end = `until ${timeInWords(until)} (${formatDuration(seconds)})`;
      for (const { kind, of } of written) print(`allowed   ${kind} (${escapeText(of)}) ${end}`);
      for (const { kind, of, words } of left) {
        print(`left      ${kind} (${escapeText(of)}): ${words?.says}`);
      }
    }
    return changing.end();
  });
}

/** Records have twelve digits for a time. */
const longestSeconds = 1000 * 365 * 86_400;

/** Seconds; undefined: it is not said; or what is wrong. */
function periodOf(text: string | undefined): number | string | undefined {
  if (text === undefined) return undefined;
  try {
    const seconds = parseDuration(text);
    return Number.isInteger(seconds) && seconds > 0 && seconds <= longestSeconds
      ? seconds
      : `want whole seconds, more than nothing and at most 1000 years, got "${text}"`;
  } catch (error) {
    return (error as RangeError).message;
  }
}

/** Why no such record would count, and what would do instead. */
function whyNot(
  { setup: { config }, options, clientName, mail }: Asking,
  subject: Subject,
  scope: Scope,
): string | undefined {
  if (scope === "triplet") return undefined;
  const instead = scope === "client"
    ? `want it in a list of whitelist-clients${lastOf(config.whitelistClients)}`
    : `want the sender in a list of whitelist-senders${lastOf(config.whitelistSenders)}, ` +
      `or --recipient, too`;
  const setting = scope === "client" ? "auto-whitelist" : "auto-whitelist-senders";
  const isOff = scope === "client" ? options.rules.clientPasses === 0 : !options.senders;
  if (isOff) return `${setting} is 0, so that nothing that is allowed would count: ${instead}`;
  const client = { name: clientName, address: mail.client };
  if (options.lists.neverAutoWhitelisted.match(client) !== undefined) {
    return `auto-whitelist-except has this client: ${instead}`;
  }
  const earns = scope === "client" ? subject.earns : subject.senderEarns;
  if (earns) return undefined;
  return `${
    whyUnearned(config, subject)
  }, so that nothing beyond a triplet is remembered: ${instead}`;
}

function whyUnearned({ identifyBy }: Config, { client }: Subject): string {
  if (client.isPrivate) return "the client's address is a private one";
  return identifyBy === "client,recipient"
    ? "identify-by leaves the sender out"
    : "the null sender is not known by a network";
}

/** Where one's own entries go: the last file, which no upgrade touches. */
function lastOf(list: readonly ListFile[]): string {
  const file = list.at(-1);
  return file === undefined ? "" : `, such as ${file.path}`;
}

/** The records to write, with what each is to say; undefined: it ends no earlier than asked for. */
async function recordsFor(
  asking: Asking,
  subject: Subject,
  scope: Scope,
  until: number,
): Promise<{ readonly found: FoundRecord; readonly text: string | undefined }[]> {
  const { now, options: { rules } } = asking, { keys } = subject;
  const entries = await readAll(asking, {
    senders: scope === "sender" ? keys.senders : undefined,
    triplets: scope === "triplet" ? keys.triplets : [],
    client: scope === "client" ? keys.client : undefined,
    domain: undefined,
    correspondent: undefined,
    releaseTriplet: undefined,
    releaseClient: undefined,
  });
  const seen = wholeSeconds(now), use = { seen, until, allowed: true } as const;
  const client = entries.client?.record;
  const text = scope === "sender"
    ? encodeSender({ first: seen, ...use })
    : scope === "triplet"
    ? encodeTriplet({ state: "passed", first: seen, ...use })
    : encodeClient({ tried: 0, returned: 0, halved: seen, passes: 0, ...client, ...use });
  return recordsOf(entries, ownersOf(subject, false), now, rules).map((found) => {
    const { words } = found;
    const isLater = words !== undefined && words.renews && words.passes && words.until >= until;
    return { found, text: isLater ? undefined : text };
  });
}
