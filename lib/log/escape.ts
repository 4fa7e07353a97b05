/**
 * What a stranger wrote, made fit for a log. Pure.
 *
 * - One value stays one word on one line: blanks, what looks like one or like nothing, controls, format
 *   characters (a bidirectional override can turn a line around), `,` and bytes that are no UTF-8 become
 *   `\xHH`, byte by byte.
 * - No value has a field of ours in it: behind one of our field names `=` becomes `\x3d`, so that neither
 *   `grep action=pass` nor a reader that splits at ", " takes a sender for a decision.
 * - What is printable stays readable otherwise, in any script; so do SRS and VERP senders, which are full of `=`.
 * - A backslash is doubled, so that the original bytes can be had back.
 */

/** The fields of postgrey's decisions, in its order. */
export const postgreyFieldNames = [
  "action",
  "reason",
  "delay",
  "client_name",
  "client_address",
  "sender",
  "recipient",
] as const;

/** Every field that a line may have, in the order of a decision's; none may be made up by a value. */
export const fieldNames = [
  ...postgreyFieldNames,
  "entry",
  "suspicion",
  "id",
  "store",
  "problem",
  "omitted",
  "key",
  "error",
  "lines",
] as const;

export type FieldName = (typeof fieldNames)[number];

/** In any case, and at the end of a longer word: grep may be told to ignore the one, and finds it in the other. */
const forgery = new RegExp(`(?<=${fieldNames.join("|")})=`, "gi");

/**
 * What Unicode calls a control, a separator, or to be ignored, and characters that most fonts leave blank
 * although Unicode calls them letters, marks, or symbols: Braille, an ideographic half space, the empty object,
 * joiners and fillers of Tifinagh, Brahmi, Egyptian and Khitan, a note without a head.
 */
const unfit =
  /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800\u303f\ufffc\u2d7f\u{1107f}\u{13441}\u{13442}\u{16fe4}\u{1d159}\\,]/gu;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** `bytes` is a byte string; the result is text to be written as UTF-8. */
export function escapeForLog(bytes: string): string {
  if (/^[!-+\--<>-[\]-~]*$/.test(bytes)) return bytes;
  // Names are looked for in the result: an escape's last digits and what follows can make one (`\xde` and `lay`).
  return hideForgeries(escapeCharacters(bytes));
}

/** A text of ours that may quote a peer or a server: it stays one line, and has no field of ours in it. */
export function escapeText(text: string): string {
  return hideForgeries(text.replace(/\s*\n\s*/g, " | ").replace(/[^\P{C}\t]/gu, "?"));
}

/** A text of ours, such as the name of a file, as one word. */
export function escapeWord(text: string): string {
  return hideForgeries(escapeUnfit(text));
}

/**
 * The bytes that a value was made of, a character a byte.
 *
 * @param escaped what `escapeForLog` or `escapeWord` gave, as the bytes that were written
 */
export function unescapeLog(escaped: string): string {
  if (!escaped.includes("\\")) return escaped;
  return escaped.replace(
    /\\(?:x([0-9a-f]{2})|\\)/g,
    (_, hex: string | undefined) =>
      hex === undefined ? "\\" : String.fromCharCode(parseInt(hex, 16)),
  );
}

function escapeCharacters(bytes: string): string {
  const raw = Uint8Array.from(bytes, (character) => character.charCodeAt(0));
  let text: string;
  try {
    text = utf8.decode(raw);
  } catch {
    // Not UTF-8: nothing beyond ASCII can be read, so all of it is shown as bytes.
    return bytes.replace(/[^!-~]|[\\,]/g, (c) => c === "\\" ? "\\\\" : hex([c.charCodeAt(0)]));
  }
  return escapeUnfit(text);
}

function escapeUnfit(text: string): string {
  return text.replace(unfit, (c) => c === "\\" ? "\\\\" : hex(encoder.encode(c)));
}

function hideForgeries(text: string): string {
  return text.replace(forgery, "\\x3d");
}

function hex(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}
