/**
 * Settings from the environment: `GREYLIST_RETRY_WINDOW=2d`. Pure.
 *
 * A name that is no setting is only a warning here: beside a service called greylist, Kubernetes puts
 * GREYLIST_PORT=tcp://… and more into every container, and so did Docker's links.
 */
import { type Raw, type RawSettings, type Remarks, textsOf } from "./raw.ts";
import { environmentName, type SettingName, settingNames } from "./settings.ts";

/** Variables, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings among the variables. An empty one is one that is not set: Compose hands on all of them. */
export function readEnvironment(env: Environment, { warnings }: Remarks): RawSettings {
  const raw = new Map<SettingName, Raw>(), unknown: string[] = [];
  const names = new Map(settingNames.map((name) => [environmentName(name), name]));
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith("GREYLIST_") || !value) continue;
    const name = names.get(variable);
    if (name === undefined) unknown.push(variable);
    else raw.set(name, { texts: textsOf(name, value), where: variable });
  }
  if (unknown.length > 0) warnings.push(`${unknown.sort().join(", ")}: no such setting`);
  return raw;
}
