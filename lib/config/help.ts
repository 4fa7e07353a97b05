/**
 * What --help, the sample configuration and the README say of settings: all of it from their table. Pure.
 */
import { environmentName, type Setting, settingNames, settings } from "./settings.ts";

/** The README's table of settings. */
export function settingsTable(): string {
  const rows = settingNames.flatMap((name) => {
    const { help, fallback, begins }: Setting = settings[name];
    const value = typeof fallback === "object"
      ? `\`${fallback.spawn}\` in spawn mode, \`${fallback.daemon}\` in daemon mode`
      : fallback === undefined
      ? "–"
      : `\`${fallback}\``;
    const heading = begins === undefined ? [] : [`| _${begins}_ | | |`];
    return [...heading, `| \`${name}\` | ${value} | ${help.replaceAll("|", "\\|")} |`];
  });
  const variable = environmentName("retry-window");
  return [
    `A flag is \`--retry-window 2d\`, a variable \`${variable}=2d\`, a line in the file`,
    "`retry-window = 2d`.",
    "",
    "| setting | default | |",
    "| --- | --- | --- |",
    ...rows,
  ].join("\n");
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
