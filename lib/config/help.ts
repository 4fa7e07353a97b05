/**
 * --help, the sample configuration, and the README's table, all from the table of settings. Pure but for
 * what settings.ts needs.
 */
import {
  environmentName,
  type Setting,
  type SettingName,
  settingNames,
  settings,
} from "./settings.ts";
import { version } from "../version.ts";

const width = 92;

/** What `greylist --help` prints. */
export function helpText(): string {
  const lines = [
    `greylist ${version}: greylisting for Postfix, as a policy server (SMTPD_POLICY_README)`,
    "",
    "usage: greylist [SETTING]…               serve Postfix; without settings on stdin and stdout",
    "       greylist check-config [SETTING]…  say what is wrong with the configuration, and exit",
    "       greylist sample-config            print a configuration file with all defaults",
    "       greylist --help | --version",
    "",
    "Every setting is a flag here, GREYLIST_NAME=… in the environment, and name = … in the file.",
    "A flag counts over the environment, and that over the file.",
    "",
  ];
  for (const name of settingNames) {
    const { placeholder, help }: Setting = settings[name];
    lines.push(`  --${name}${placeholder && ` ${placeholder}`}`);
    lines.push(...wrap(`${help}${defaultNote(name)}`, width - 6).map((line) => `      ${line}`));
  }
  lines.push("", "Exit status: 0; 78 for a configuration that is wrong; 1 for anything else.");
  return lines.join("\n");
}

/** What `greylist sample-config` prints: every setting at its default, commented out. */
export function sampleConfig(): string {
  const lines = [
    "# Configuration of greylist: name = value, as in main.cf. What is commented out is the default.",
    "# Try it with: greylist check-config --config FILE",
  ];
  for (const name of settingNames) {
    if (name === "config") continue;
    const { help, fallback }: Setting = settings[name];
    const value = typeof fallback === "object" ? fallback.daemon : fallback;
    lines.push("", ...wrap(`${help}${modeNote(fallback)}`, width - 2).map((line) => `# ${line}`));
    lines.push(`#${name} =${value === undefined ? "" : ` ${value}`}`);
  }
  return lines.join("\n");
}

/** The README's table of settings. */
export function settingsTable(): string {
  const rows = settingNames.map((name) => {
    const { help, fallback }: Setting = settings[name];
    const value = typeof fallback === "object"
      ? `\`${fallback.spawn}\` in spawn mode, \`${fallback.daemon}\` in daemon mode`
      : fallback === undefined
      ? "–"
      : `\`${fallback}\``;
    return `| \`${name}\` | ${value} | ${help.replaceAll("|", "\\|")} |`;
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

function defaultNote(name: SettingName): string {
  const { fallback }: Setting = settings[name];
  if (fallback === undefined) return "";
  return typeof fallback === "object" ? modeNote(fallback) : ` [${fallback}]`;
}

function modeNote(fallback: Setting["fallback"]): string {
  return typeof fallback === "object"
    ? ` [${fallback.spawn} in spawn mode, ${fallback.daemon} in daemon mode]`
    : "";
}

function wrap(text: string, columns: number): string[] {
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
