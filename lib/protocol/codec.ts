/**
 * Postfix's policy delegation protocol (SMTPD_POLICY_README), server side, without I/O.
 *
 *     request   = 1*attribute LF
 *     attribute = name "=" value LF      name: anything but "=" and LF; value: anything but LF
 *     reply     = "action=" action LF LF
 *
 * - Bytes travel as byte strings (latin1: one character a byte), because senders and recipients are
 *   raw internal form and need not be UTF-8. Only LF ends a line, and only the first "=" counts:
 *   values contain "=", CR, U+0085 and anything else but NUL and LF.
 * - Unknown attributes are passed over, missing ones are missing; of duplicates the last counts.
 * - A request may arrive in any pieces, and several may arrive at once.
 * - Some clients are no smtpd, and postgrey answers them: empty lines before a request and lines that are
 *   no attribute are skipped; a request whose own line ends in CR LF has no CR at the end of any line;
 *   what Perl prints for a reference (postfwd, for an empty attribute) is empty.
 * - What cannot be a request is a ProtocolError. The rest of that connection is then meaningless, and
 *   the protocol wants no reply to it: log and disconnect.
 * - A reply that Postfix would take wrongly (SMTPD_POLICY_README, access(5)) cannot be encoded: an empty
 *   action or a bare number would mean "permit", a colon in the first word or a leading blank is a
 *   configuration error to it, and a line break would end the reply early.
 */

/** The value of the attribute `request` that smtpd sends; there is no other. */
const requestName = "smtpd_access_policy";

/** The attributes that are of use here; smtpd sends thirty and more. */
export const attributeNames = [
  "request",
  "protocol_state",
  "instance",
  "client_address",
  "client_name",
  "helo_name",
  "sasl_username",
  "sender",
  "recipient",
  "server_address",
] as const;

export type AttributeName = (typeof attributeNames)[number];

/** The attributes of one request, as byte strings. */
export interface PolicyRequest extends Iterable<[string, string]> {
  get(name: AttributeName): string | undefined;
}

/** By their lengths: a line that cannot be one of them is passed over at a glance. */
const namesByLength: (readonly AttributeName[] | undefined)[] = [];
for (const name of attributeNames) {
  namesByLength[name.length] = [...namesByLength[name.length] ?? [], name];
}

/** What the peer sent is no policy request. The message quotes nothing of it. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** Takes bytes in any pieces, gives requests: `push` what has arrived, then `next` until undefined. */
export class RequestReader {
  #buffer = "";
  /** Where in the buffer the search for the end of the request goes on. */
  #searchFrom = 0;
  /** The bytes of empty lines that were skipped since the last request. */
  #skipped = 0;
  readonly #maxRequestSize: number;

  /** @param maxRequestSize bytes that one request may have, with all empty lines around it */
  constructor(maxRequestSize: number) {
    this.#maxRequestSize = maxRequestSize;
  }

  /** Adds bytes that have arrived, as a byte string. */
  push(chunk: string): void {
    this.#buffer += chunk;
  }

  /** How many bytes wait to become a request. Not 0 at the end of input: a request was cut off. */
  get pendingBytes(): number {
    return this.#buffer.length;
  }

  /** The next whole request, or undefined until more has arrived. Throws ProtocolError. */
  next(): PolicyRequest | undefined {
    this.#skipEmptyLines();
    const end = endOfRequest(this.#buffer, this.#searchFrom);
    if (this.#skipped + (end ?? this.#buffer.length) > this.#maxRequestSize) {
      throw new ProtocolError(`request of more than ${this.#maxRequestSize} bytes`);
    }
    if (end === undefined) {
      // The end may have arrived in part: LF, or LF CR.
      this.#searchFrom = Math.max(0, this.#buffer.length - 2);
      return undefined;
    }
    const request = parseRequest(this.#buffer.slice(0, end));
    this.#buffer = end === this.#buffer.length ? "" : this.#buffer.slice(end);
    this.#searchFrom = 0;
    this.#skipped = 0;
    return request;
  }

  #skipEmptyLines(): void {
    const buffer = this.#buffer;
    let length = 0;
    for (;;) {
      if (buffer.startsWith("\n", length)) length += 1;
      else if (buffer.startsWith("\r\n", length)) length += 2;
      else break;
    }
    if (length === 0) return;
    this.#buffer = buffer.slice(length);
    this.#skipped += length;
    this.#searchFrom = 0;
  }
}

/** Where the empty line behind a request ends; undefined if there is none yet. */
function endOfRequest(buffer: string, from: number): number | undefined {
  const lf = buffer.indexOf("\n\n", from), crlf = buffer.indexOf("\n\r\n", from);
  if (crlf !== -1 && (lf === -1 || crlf < lf)) return crlf + 3;
  return lf === -1 ? undefined : lf + 2;
}

function parseRequest(text: string): PolicyRequest {
  const attributes = new Map<AttributeName, string>();
  for (let start = 0, end, equals = -1; start < text.length; start = end + 1) {
    end = text.indexOf("\n", start);
    if (end === -1) end = text.length;
    // It may be of a later line; looked for again by each line it would take time with the square of the length.
    if (equals < start) equals = text.indexOf("=", start);
    if (equals === -1) break;
    for (const name of namesByLength[equals - start] ?? []) {
      if (text.startsWith(name, start)) {
        attributes.set(name, attributeValue(text.slice(equals + 1, end)));
      }
    }
  }
  if (attributes.get("request") === `${requestName}\r`) {
    for (const [name, value] of attributes) {
      attributes.set(name, attributeValue(value.replace(/\r$/, "")));
    }
  }
  if (attributes.get("request") !== requestName) {
    throw new ProtocolError(`request is not ${requestName}`);
  }
  return attributes;
}

/** What Perl prints for a reference has an address in it, and is nobody's name. */
function attributeValue(text: string): string {
  return text.endsWith(")") && /^(?:ARRAY|HASH|SCALAR|REF|CODE|GLOB)\(0x[0-9a-f]+\)$/.test(text)
    ? ""
    : text;
}

/** What Postfix is to do, as access(5) has it: a keyword and, behind it, what the keyword takes. */
export type Action =
  | { readonly kind: "dunno" }
  | { readonly kind: "defer"; readonly keyword: string; readonly text: string }
  | { readonly kind: "prepend"; readonly header: string };

/** smtpd(8) cuts the text of a reply here. */
export const maxReplyLength = 510;

/** The bytes of a reply. Throws RangeError for one that Postfix would take wrongly. */
export function encodeAction(action: Action): string {
  return `action=${checkReply(replyText(action))}\n\n`;
}

function replyText(action: Action): string {
  switch (action.kind) {
    case "dunno":
      return "DUNNO";
    case "defer":
      return `${action.keyword} ${action.text}`;
    case "prepend":
      return `PREPEND ${action.header}`;
  }
}

/** Gives `text` back if Postfix takes it as a keyword with its argument; throws RangeError if not. */
export function checkReply(text: string): string {
  const problem = /[\n\r\0]/.test(text)
    ? "contains a line break or NUL"
    : text.length > maxReplyLength
    ? `is longer than ${maxReplyLength} bytes`
    : text === "DUNNO" || /^(?:DEFER_IF_PERMIT|DEFER|PREPEND|4\d\d) \S/.test(text)
    ? undefined
    : "is not a keyword with its text";
  if (problem !== undefined) throw new RangeError(`Cannot reply "${text}": it ${problem}`);
  return text;
}
