/**
 * What postgrey 1.37 knew, from dumps of its two databases; which is which, their entries say. Pure but for reading.
 *
 *     NETWORK/SENDER/RECIPIENT            → FIRST,LAST       a triplet; with --lookup-by-host NETWORK is ADDRESS/32
 *     ADDRESS                             → COUNT,LAST       a client, and how many of its triplets have passed
 *     40 hexadecimal digits               → either           hashed, with --privacy
 *
 * - A triplet becomes one of greylist 0.1.0 (N), which recognises as postgrey does. It has passed if LAST − FIRST is
 *   the delay or more, as postgrey looks at it.
 * - Its sender has `#` for numbers. Ours are others, so that numbers are put back, of which any will do: two digits,
 *   because the time in an address of SRS has two characters.
 * - A sender's domain has no slash; its local part may, and the recipient may.
 * - A client becomes a record of its whole address (C). How often it tried in vain postgrey does not say; so its
 *   count speaks for no more first attempts than it takes to judge a client at all.
 */
import { isIP } from "node:net";
import type { Times } from "../greylist/merge.ts";
import { fewestToJudge, renewalSeconds } from "../greylist/trust.ts";
import { keysWith } from "../identity/keys.ts";
import { type SubjectOptions, subjectsWith } from "../identity/subject.ts";
import { clientNetwork, tripletMaterial } from "../identity/triplet.ts";
import { remembering } from "../recent.ts";
import { DumpReader, type Pair } from "./db_dump.ts";
import { type Finding, type Findings, found, SourceError } from "./finding.ts";
import { clientForm, releaseTripletForm } from "./item.ts";
import { linesOf } from "./lines.ts";

export interface PostgreyOptions {
  readonly subjects: SubjectOptions;
  readonly times: Pick<Times, "maxAgeSeconds">;
  /** postgrey's --delay. */
  readonly delaySeconds: number;
}

/** The entries of a dump; `-` is standard input. Fails with a SourceError. */
export async function* postgreySource(name: string, options: PostgreyOptions): Findings {
  const reader = new DumpReader(), findingOf = postgreyFindings(options);
  for await (const lines of linesOf(name)) {
    const findings: Finding[] = [];
    try {
      for (const line of lines) {
        const read = reader.take(line);
        if (read === undefined) continue;
        findings.push("why" in read ? badLine(read.line, read.why) : findingOf(read));
      }
    } catch (error) {
      // What was read before comes first.
      if (error instanceof SourceError && findings.length > 0) yield findings;
      throw error;
    }
    yield findings;
  }
  reader.end();
}

const badLine = (line: number, bad: string): Finding => ({ where: `line ${line}`, bad });

/** Gives what becomes of an entry. */
export function postgreyFindings(options: PostgreyOptions): (pair: Pair) => Finding {
  const { subjects } = options, { prefixes, identifyBy } = subjects;
  const subjectOf = subjectsWith(subjects);
  const releaseKey = keysWith(subjects.keyPrefix, subjects.secret);
  const networkOf = remembering((address) => {
    const network = clientNetwork(address, prefixes);
    return network && { network, isFirst: isFirst(address, network) };
  });
  return ({ key, value, line }) => {
    const [, first, last] = /^(\d{1,12}),(\d{1,12})(?:,|$)/.exec(value) ?? [];
    if (last === undefined) return badLine(line + 1, "no times of postgrey");
    if (/^[0-9a-f]{40}$/.test(key)) return badLine(line, hashed);
    const numbers = [Number(first), Number(last)] as const;
    return key.includes("/") ? triplet(key, line, ...numbers) : client(key, line, ...numbers);
  };

  function triplet(key: string, line: number, first: number, last: number): Finding {
    const [, address = "", length, rest = ""] = keyPattern.exec(key) ?? [];
    const { sender, recipient } = parted(rest);
    if (recipient === undefined) return badLine(line, "no recipient");
    const known = networkOf(address);
    if (!known) return badLine(line, "no client's address in front");
    const ours = isIP(address) === 4 ? prefixes.ipv4 : prefixes.ipv6;
    const fits = length === undefined ? known.isFirst : Number(length) === ours;
    if (!fits) return { leftOut: "of smaller networks than ipv4-prefix and ipv6-prefix say" };
    const material = tripletMaterial(known.network, withNumbers(sender), recipient, identifyBy);
    const hasPassed = last - first >= options.delaySeconds;
    return found(
      releaseKey(material),
      releaseTripletForm,
      hasPassed ? { state: "passed", first, seen: last } : { state: "waiting", first },
    );
  }

  function client(address: string, line: number, count: number, last: number): Finding {
    const subject = subjectOf({ name: "", address, sender: "", recipient: "" });
    if (subject === undefined) return badLine(line, "neither a client's address nor a triplet");
    if (!subject.earns) return { leftOut: "clients of private addresses, which earn nothing" };
    const passes = Math.min(count, 999_999_999), tried = Math.min(count, fewestToJudge);
    const until = last + options.times.maxAgeSeconds + renewalSeconds;
    const record = { tried, returned: tried, halved: last, passes, seen: last, until };
    return found(subject.keys.client, clientForm, record);
  }
}

const hashed = "hashed by postgrey --privacy, which nobody can undo";

const keyPattern = /^([^/]+)(?:\/(32|128)(?=\/))?\/([^]*)$/;

/** Whether an address is the first of its network, as postgrey writes one, without the length. */
function isFirst(address: string, network: string): boolean {
  const whole = clientNetwork(address, { ipv4: 32, ipv6: 128 });
  const withoutLength = (text = "") => text.slice(0, text.indexOf("/"));
  return withoutLength(network) === withoutLength(whole);
}

function parted(text: string): { readonly sender: string; readonly recipient: string | undefined } {
  const domain = text.startsWith("/") ? 0 : text.indexOf("@");
  // A sender without a domain, before a recipient with one.
  const from = domain === -1 || !text.includes("/", domain) ? 0 : domain;
  const slash = text.indexOf("/", from);
  if (slash === -1) return { sender: text, recipient: undefined };
  return { sender: text.slice(0, slash), recipient: text.slice(slash + 1) };
}

/** What postgrey has put for a number stands alone; `a#b` is what the sender wrote. */
function withNumbers(sender: string): string {
  const at = sender.indexOf("@");
  if (at === -1) return sender;
  return sender.slice(0, at).replace(/(?<!\w)#(?!\w)/g, "00") + sender.slice(at);
}
