/**
 * What --help, the sample configuration and doc/settings.md say of settings: all of it from their table. Pure.
 */
import { type Setting, settingNames, settings } from "./settings.ts";

/** The tables of doc/settings.md, one for each group. */
export function settingsTables(): string {
  const lines = settingNames.flatMap((name) => {
    const { help, fallback, begins }: Setting = settings[name];
    const value = typeof fallback === "object"
      ? `\`${fallback.spawn}\` in spawn mode, \`${fallback.daemon}\` in daemon mode`
      : fallback === undefined
      ? "–"
      : `\`${fallback}\``;
    const row = `| \`${name}\` | ${value} | ${help.replaceAll("|", "\\|")} |`;
    return begins === undefined ? [row] : ["", ...headed(begins), row];
  });
  return lines.join("\n").trim();
}

function headed(group: string): string[] {
  const title = `${group[0]?.toUpperCase()}${group.slice(1)}`;
  return [`## ${title}`, "", "| setting | default | |", "| --- | --- | --- |"];
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
