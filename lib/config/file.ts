/**
 * The syntax of the configuration file, which is main.cf's (postconf(5)): a line that begins with white
 * space continues the one before, `#` begins a comment line. Bytes are UTF-8. Pure.
 */

/** The lines of main.cf's syntax: continuations joined, comments and empty lines left out. */
export function logicalLines(bytes: string): { line: number; text: string }[] {
  const lines: { line: number; text: string }[] = [];
  decodeUtf8(bytes).split("\n").forEach((physical, index) => {
    const trimmed = physical.trim();
    if (trimmed === "" || trimmed.startsWith("#")) return;
    const previous = lines.at(-1);
    if (/^\s/.test(physical) && previous !== undefined) previous.text += ` ${trimmed}`;
    else lines.push({ line: index + 1, text: trimmed });
  });
  return lines;
}

/** The text of a byte string; a byte order mark, as some editors write it, is left out. */
export function decodeUtf8(bytes: string): string {
  return new TextDecoder().decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
}
