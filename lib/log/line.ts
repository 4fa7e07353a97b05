/**
 * Reads a line of a mail log back: what greylist has said, in any of its forms, and what postgrey says. Pure.
 *
 *     line   = [stamp] [host] [ident "[" pid "]:"] body
 *            | JSON of ours | JSON of the journal (journalctl -o json), with a body or JSON of ours in MESSAGE
 *     body   = [queue-id ": "] fields | text [": " fields]
 *     fields = name "=" value *(", " name "=" value)
 *
 * - A line is a byte string, a character a byte, and so are its values, without the log's own escapes: what a
 *   stranger wrote is had back byte by byte.
 * - The fields of a line stand in the order of `fieldNames`. What looks like one and is out of order belongs to the
 *   value before it: our own values have none (escape.ts), postgrey's may.
 */
import { type FieldName, fieldNames, unescapeLog } from "./escape.ts";
import { type Stamp, stampAt } from "./stamp.ts";

/** What a line says. */
export interface LineEvent {
  /** Undefined: the line has none, as on standard error when the journal or Docker adds it. */
  readonly stamp: Stamp | undefined;
  /** The program that says it, such as `greylist`, if the line tells. */
  readonly ident: string | undefined;
  /** Empty for a decision, which has fields only. */
  readonly text: string;
  readonly fields: Readonly<Partial<Record<FieldName, string>>>;
}

/** Each name, and its place in the order. */
const names: ReadonlyMap<string, { readonly name: FieldName; readonly place: number }> = new Map(
  fieldNames.map((name, place) => [name, { name, place }]),
);

const longestName = Math.max(...fieldNames.map((name) => name.length));

/** Those whose values were escaped so that they can be had back. */
const escaped: ReadonlySet<FieldName> = new Set<FieldName>(
  ["client_name", "client_address", "sender", "recipient", "entry"],
);

/** The words between stamp and body: a host, what a syslogd puts behind it, and who speaks. */
const tag = /(?:[^ =,]*[^ :=,] ){0,2}([^ :[=,]+)(\[\d+\])?: ?/y;

/** A datagram's priority (RFC 3164), which some collectors keep. */
const priority = /^<\d{1,3}>/;

/** Postfix's, of both kinds (enable_long_queue_ids): a word such as "warning" is none. */
const queueId = /(?:[\dA-F]{5,20}|[\dB-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,20}): (?=action=)/y;

const fieldBehindText = new RegExp(`: (?=(?:${fieldNames.join("|")})=)`);

/**
 * What a line says; undefined if it is JSON that no log of ours has. Any text is an event, and of whom its `ident`
 * tells: whether it is a decision, its field `action` does. Never throws.
 *
 * @param line a byte string without its line break
 */
export function readLine(line: string): LineEvent | undefined {
  if (line.startsWith("{")) return readJson(line);
  const start = line.startsWith("<") ? priority.exec(line)?.[0].length ?? 0 : 0;
  const { stamp, end = start } = stampAt(line, start) ?? {};
  tag.lastIndex = end;
  const [, ident, pid] = tag.exec(line) ?? [];
  if (ident !== undefined) {
    const body = withoutQueueId(line, tag.lastIndex);
    if (body.startsWith("{")) return within(readJson(body), { stamp, ident });
    // Without a number it may be the beginning of a text.
    if (pid !== undefined || body.startsWith("action=")) {
      return { stamp, ident, ...readBody(body) };
    }
  }
  return { stamp, ident: undefined, ...readBody(withoutQueueId(line, end)) };
}

/** What was said inside of something that has told more of it. */
function within(
  event: LineEvent | undefined,
  { stamp, ident }: Pick<LineEvent, "stamp" | "ident">,
): LineEvent | undefined {
  return event && { ...event, stamp: event.stamp ?? stamp, ident: ident ?? event.ident };
}

/** postgrey has it in front, if Postfix has told it. */
function withoutQueueId(line: string, place: number): string {
  queueId.lastIndex = place;
  return line.slice(queueId.test(line) ? queueId.lastIndex : place);
}

function readBody(body: string): Pick<LineEvent, "text" | "fields"> {
  const first = fieldAt(body, 0);
  if (first !== undefined) return { text: "", fields: readFields(body, first) };
  const found = fieldBehindText.exec(body);
  const field = found === null ? undefined : fieldAt(body, found.index + 2);
  if (found === null || field === undefined) return { text: body, fields: {} };
  return { text: body.slice(0, found.index), fields: readFields(body, field) };
}

/** A field, and where its value begins. */
interface Field {
  readonly name: FieldName;
  readonly place: number;
  readonly value: number;
}

/** The field whose name begins here. */
function fieldAt(body: string, start: number): Field | undefined {
  let end = start;
  for (let code = body.charCodeAt(end); isOfName(code); code = body.charCodeAt(++end)) {
    if (end - start > longestName) return undefined;
  }
  if (body[end] !== "=") return undefined;
  const found = names.get(body.slice(start, end));
  return found && { name: found.name, place: found.place, value: end + 1 };
}

/** `a` to `z` and `_`. */
function isOfName(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || code === 0x5f;
}

function readFields(body: string, first: Field): LineEvent["fields"] {
  const fields: Partial<Record<FieldName, string>> = {};
  let field = first;
  for (let end = body.indexOf(", ", field.value); end >= 0; end = body.indexOf(", ", end + 2)) {
    const next = fieldAt(body, end + 2);
    if (next === undefined || next.place <= field.place) continue;
    fields[field.name] = unescapeIn(field.name, body.slice(field.value, end));
    field = next;
  }
  fields[field.name] = unescapeIn(field.name, body.slice(field.value));
  return fields;
}

function unescapeIn(name: FieldName, value: string): string {
  return escaped.has(name) ? unescapeLog(value) : value;
}

type Json = Readonly<Record<string, unknown>>;

function readJson(line: string): LineEvent | undefined {
  const object = parse(line);
  if (object === undefined) return undefined;
  const message = messageOf(object["MESSAGE"]);
  if (message === undefined) return readOurs(object);
  const at = object["__REALTIME_TIMESTAMP"];
  const microseconds = typeof at === "string" || typeof at === "number" ? Number(at) : NaN;
  // Beyond that there is no date.
  const stamp = Math.abs(microseconds) < 8.64e18 ? microseconds / 1e6 : undefined;
  const ident = textOf(object["SYSLOG_IDENTIFIER"]);
  return within(readLine(message), { stamp, ident });
}

/** The journal has an array of bytes for what it takes for binary, and null for what it finds too long. */
function messageOf(value: unknown): string | undefined {
  if (typeof value === "string") return bytesOf(value);
  if (!Array.isArray(value)) return undefined;
  return value.map((byte) => String.fromCharCode(typeof byte === "number" ? byte & 0xff : 0)).join(
    "",
  );
}

function readOurs(object: Json): LineEvent | undefined {
  const { "@timestamp": at, message, logger } = object;
  if (typeof message !== "string") return undefined;
  const fields: Partial<Record<FieldName, string>> = {};
  for (const name of fieldNames) {
    const value = textOf(object[name]);
    if (value !== undefined) fields[name] = unescapeIn(name, value);
  }
  const stamp = typeof at === "string" ? stampAt(at, 0)?.stamp : undefined;
  return { stamp, ident: textOf(logger), text: bytesOf(message), fields };
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" ? bytesOf(value) : undefined;
}

/** An object, or undefined. */
function parse(line: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(textOfBytes(line));
    return typeof value === "object" && value !== null ? value as Json : undefined;
  } catch {
    return undefined;
  }
}

const encoder = new TextEncoder(), utf8 = new TextDecoder();

const ascii = /^[\0-\x7f]*$/;

function textOfBytes(bytes: string): string {
  if (ascii.test(bytes)) return bytes;
  return utf8.decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
}

/** A text as the byte string that `readLine` takes: its UTF-8. */
export function bytesOf(text: string): string {
  if (ascii.test(text)) return text;
  return Array.from(encoder.encode(text), (byte) => String.fromCharCode(byte)).join("");
}
