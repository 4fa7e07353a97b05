/** `greylist --help`, from the table of commands and the table of settings. */
import { modeNote, settingGroups, wrap } from "../config/help.ts";
import { type Setting, settings } from "../config/settings.ts";
import { version } from "../version.ts";
import type { Command } from "./command.ts";

const width = 92;

export function helpText(commands: readonly Pick<Command, "usage" | "summary">[]): string {
  const column = Math.max(...commands.map(({ usage }) => usage.length)) + 2;
  const lines = [
    `greylist ${version}: greylisting for Postfix, as a policy server (SMTPD_POLICY_README)`,
    "",
    ...commands.map(({ usage, summary }, index) =>
      `${index === 0 ? "usage:" : "      "} ${usage.padEnd(column)}${summary}`
    ),
    "",
    "Every setting is a flag here, GREYLIST_NAME=… in the environment, and name = … in the file.",
    "A flag overrides the environment, and that the file.",
  ];
  for (const { title, names } of settingGroups()) {
    lines.push("", `${title}:`);
    for (const name of names) {
      const { placeholder, help, fallback }: Setting = settings[name];
      const note = typeof fallback === "string" ? ` [${fallback}]` : modeNote(fallback);
      lines.push(`  --${name}${placeholder && ` ${placeholder}`}`);
      lines.push(...wrap(`${help}${note}`, width - 6).map((line) => `      ${line}`));
    }
  }
  lines.push(
    "",
    "MAIL is --client, --sender and --recipient (and --client-name, --helo), or --log-line LINE, or",
    "a line of the log on standard input. These commands, and stats, take --json.",
    "KIND is clients, senders or recipients; not needed where the file's name has that word.",
    "report also takes --json, --since TIME and --until TIME; FILE may be - for standard input.",
    "Exit status: 0; 78 for a configuration or a list that is wrong; 1 for anything else, and for",
    "warnings with --strict. Commands about mails, stats, import and export have more, which",
    "doc/commands.md lists.",
  );
  return lines.join("\n");
}
