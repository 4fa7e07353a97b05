/**
 * Postfix's own line about a recipient that it has not taken: what an administrator has at hand. Pure.
 *
 *     NOQUEUE: reject: RCPT from NAME[ADDRESS]: 450 4.2.0 <RECIPIENT>: …; from=<SENDER> to=<RECIPIENT> proto=ESMTP helo=<HELO>
 *
 * Addresses stand there as in SMTP: a local part that needs quotes has them.
 */

/** Byte strings. */
export interface RefusedRecipient {
  readonly clientName: string;
  readonly clientAddress: string;
  readonly sender: string;
  readonly recipient: string;
  readonly helo: string | undefined;
  /** What Postfix has answered: `450 4.2.0 <RECIPIENT>: …`. */
  readonly reply: string;
}

const head =
  /: (?:reject|reject_warning|defer): RCPT from ([^\s[\]]{1,255})\[([^\s[\]]{1,60})\](?::\d{1,5})?: /;
const tail = /^[A-Z]{1,10}(?: helo=<([^]*)>)?$/;

const fromMark = "; from=<", toMark = "> to=<", protoMark = "> proto=";

/** Undefined for any other line. Never throws, and reads a line once, whatever strangers have put into it. */
export function readPostfixLine(line: string): RefusedRecipient | undefined {
  const [start = "", clientName, clientAddress] = head.exec(line) ?? [];
  const from = line.lastIndexOf(fromMark), to = line.indexOf(toMark, from);
  const proto = line.lastIndexOf(protoMark);
  if (clientName === undefined || clientAddress === undefined) return undefined;
  if (from === -1 || to === -1 || proto < to) return undefined;
  const end = tail.exec(line.slice(proto + protoMark.length));
  if (end === null) return undefined;
  return {
    clientName,
    clientAddress,
    sender: unquoted(line.slice(from + fromMark.length, to)),
    recipient: unquoted(line.slice(to + toMark.length, proto)),
    helo: end[1],
    reply: line.slice(line.indexOf(start) + start.length, from),
  };
}

/** `"john doe"@example.org` as the policy protocol has it: without quotes and backslashes. */
function unquoted(address: string): string {
  const [, local, domain] = /^"((?:[^"\\]|\\.)*)"(@[^"@]*)?$/.exec(address) ?? [];
  return local === undefined ? address : local.replace(/\\(.)/g, "$1") + (domain ?? "");
}
