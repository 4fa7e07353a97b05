/**
 * Settings from the configuration file: `retry-window = 2d`, in main.cf's syntax (postconf(5)). A line that
 * begins with white space continues the one before, `#` begins a comment line. Bytes are UTF-8. Pure.
 */
import { isSettingName, type Raw, type RawSettings, textsOf } from "./raw.ts";
import { type SettingName, settingNames } from "./settings.ts";
import { suggestion } from "./suggestion.ts";

/** Reads the bytes of a configuration file; `path` is for messages. */
export function readConfigFile(bytes: string, path: string, problems: string[]): RawSettings {
  const raw = new Map<SettingName, Raw>();
  for (const { line, text: setting } of logicalLines(bytes)) {
    const where = `${path}:${line}`;
    const [, name, value] = /^([^\s=]+)\s*=\s*(.*)$/.exec(setting) ?? [];
    if (name === undefined || value === undefined) {
      problems.push(`${where}: want name = value, got "${setting}"`);
    } else if (!isSettingName(name) || name === "config") {
      const meant = name === "config" ? "" : suggestion(name, settingNames);
      problems.push(`${where}: no such setting: "${name}"${meant}`);
    } else if (raw.has(name)) {
      problems.push(`${where}: ${name} was set already at ${raw.get(name)?.where}`);
    } else raw.set(name, { texts: textsOf(name, value), where });
  }
  return raw;
}

/** The lines of main.cf's syntax: continuations joined, comments and empty lines left out. */
function logicalLines(bytes: string): { line: number; text: string }[] {
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
