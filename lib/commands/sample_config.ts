/** `greylist sample-config`: every setting at its default, commented out. */
import { modeNote, settingGroups, wrap } from "../config/help.ts";
import { type Setting, settings } from "../config/settings.ts";

const width = 92;

export function sampleConfig(): string {
  const lines = [
    "# Configuration of greylist: name = value, as in main.cf. What is commented out is the default.",
    "# Try it with: greylist check-config --config FILE",
  ];
  for (const { title, names } of settingGroups()) {
    lines.push("", `# -- ${title} --`);
    for (const name of names) {
      if (name === "config") continue;
      const { help, fallback }: Setting = settings[name];
      const value = typeof fallback === "object" ? fallback.daemon : fallback;
      lines.push("", ...wrap(`${help}${modeNote(fallback)}`, width - 2).map((line) => `# ${line}`));
      lines.push(`#${name} =${value === undefined ? "" : ` ${value}`}`);
    }
  }
  return lines.join("\n");
}
