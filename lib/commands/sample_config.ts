/** `greylist sample-config`: every setting at its default, commented out. */
import { modeNote, wrap } from "../config/help.ts";
import { type Setting, settingNames, settings } from "../config/settings.ts";

const width = 92;

export function sampleConfig(): string {
  const lines = [
    "# Configuration of greylist: name = value, as in main.cf. What is commented out is the default.",
    "# Try it with: greylist check-config --config FILE",
  ];
  for (const name of settingNames) {
    if (name === "config") continue;
    const { help, fallback, begins }: Setting = settings[name];
    if (begins !== undefined) lines.push("", `# -- ${begins} --`);
    const value = typeof fallback === "object" ? fallback.daemon : fallback;
    lines.push("", ...wrap(`${help}${modeNote(fallback)}`, width - 2).map((line) => `# ${line}`));
    lines.push(`#${name} =${value === undefined ? "" : ` ${value}`}`);
  }
  return lines.join("\n");
}
