/**
 * What --help, the sample configuration, the manual pages and doc/settings.md say of settings: all of it from their
 * table. Pure.
 */
import { type Setting, type SettingName, settingNames, settings } from "./settings.ts";

/** Settings that are about the same, in the order of the table. */
export interface SettingGroup {
  /** What they are about, in lower case. */
  readonly title: string;
  readonly names: readonly SettingName[];
}

export function settingGroups(): readonly SettingGroup[] {
  const groups: { title: string; names: SettingName[] }[] = [];
  for (const name of settingNames) {
    const { begins }: Setting = settings[name];
    if (begins !== undefined) groups.push({ title: begins, names: [] });
    groups.at(-1)?.names.push(name);
  }
  return groups;
}

/** The tables of doc/settings.md, one for each group. */
export function settingsTables(): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  return settingGroups().map(({ title, names }) => {
    const rows = names.map((name) => {
      const { help, fallback, example, reloadable }: Setting = settings[name];
      const value = typeof fallback === "object"
        ? `\`${fallback.spawn}\` in spawn mode, \`${fallback.daemon}\` in daemon mode`
        : fallback === undefined
        ? "–"
        : `\`${fallback}\``;
      const fixed = reloadable === undefined ? " (restart)" : "";
      return `| \`${name}\` | ${cell(value)} | \`${cell(example)}\` | ${cell(help)}${fixed} |`;
    });
    const head = ["| setting | default | for example | |", "| --- | --- | --- | --- |"];
    return [`## ${capitalized(title)}`, "", ...head, ...rows].join("\n");
  }).join("\n\n");
}

/** With its first letter in upper case. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The default where it depends on the mode, in brackets; else nothing. */
export function modeNote(fallback: Setting["fallback"]): string {
  return typeof fallback === "object"
    ? ` [${fallback.spawn} in spawn mode, ${fallback.daemon} in daemon mode]`
    : "";
}

/** The text in lines of at most so many columns. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line];
}
