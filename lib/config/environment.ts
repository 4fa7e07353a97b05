/** Settings from the environment: `GREYLIST_RETRY_WINDOW=2d`. Pure. */
import { type Raw, type RawSettings, textsOf } from "./raw.ts";
import { environmentName, type SettingName, settingNames } from "./settings.ts";

/** Variables, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings among the variables. An empty one is one that is not set: Compose hands on all of them. */
export function readEnvironment(env: Environment, problems: string[]): RawSettings {
  const raw = new Map<SettingName, Raw>();
  const names = new Map(settingNames.map((name) => [environmentName(name), name]));
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith("GREYLIST_") || !value) continue;
    const name = names.get(variable);
    if (name === undefined) problems.push(`${variable}: no such setting`);
    else raw.set(name, { texts: textsOf(name, value), where: variable });
  }
  return raw;
}
