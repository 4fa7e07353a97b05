/**
 * What a stranger wrote, made fit for a log: one value stays one word on one line. Pure.
 *
 * Printable UTF-8 stays readable. Blanks, controls, format characters (a bidirectional override can turn
 * a line around) and bytes that are no UTF-8 become `\xHH`, byte by byte, and a backslash is doubled, so
 * that the original bytes can be had back.
 */

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** `bytes` is a byte string; the result is text to be written as UTF-8. */
export function escapeForLog(bytes: string): string {
  if (/^[!-[\]-~]*$/.test(bytes)) return bytes;
  const raw = Uint8Array.from(bytes, (character) => character.charCodeAt(0));
  let text: string;
  try {
    text = utf8.decode(raw);
  } catch {
    // Not UTF-8: nothing beyond ASCII can be read, so all of it is shown as bytes.
    return bytes.replace(/[^!-~]|\\/g, (c) => c === "\\" ? "\\\\" : hex([c.charCodeAt(0)]));
  }
  return text.replace(
    /[\p{C}\p{Z}\\]/gu,
    (c) => c === "\\" ? "\\\\" : hex(new TextEncoder().encode(c)),
  );
}

function hex(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}
