/**
 * A new configuration for a running daemon: at SIGHUP everything is read again, and when a list changes on
 * disk the lists are. All or nothing: with a problem anywhere the old configuration stays.
 */
import * as fs from "node:fs";
import type { Log } from "./log.ts";
import { type Config, configKey, type Setting, settingNames, settings } from "./settings.ts";
import type { Loaded, Setup } from "./setup.ts";

/** How often, in milliseconds, the lists' files are looked at. */
const watchMilliseconds = 2000;

/**
 * The settings whose new values only a restart makes effective, by name. In the setup that `reload`
 * gives they are as they were.
 */
function restartWanted(current: Config, next: Config): readonly string[] {
  return settingNames.filter((name) => {
    const { reloadable }: Setting = settings[name];
    const key = configKey(name);
    return reloadable !== true && JSON.stringify(current[key]) !== JSON.stringify(next[key]);
  });
}

/** Reads everything anew; undefined, and told to the log, when the old setup has to stay. */
export async function reload(
  current: Setup,
  load: () => Promise<Loaded>,
  log: Log,
): Promise<Setup | undefined> {
  const loaded = await load();
  if ("problems" in loaded) {
    log.reloadRefused(loaded.problems);
    return undefined;
  }
  const { config, lists } = loaded.setup;
  const fixed = restartWanted(current.config, config);
  if (fixed.length > 0) log.restartWanted(fixed);
  const kept = Object.fromEntries(
    settingNames.filter((name) => !isReloadable(name))
      .map((name) => [configKey(name), current.config[configKey(name)]]),
  );
  log.reloaded();
  // Both are whole: one is a Config with some of the other's values in it.
  return { config: { ...config, ...kept } as Config, secrets: current.secrets, lists };
}

function isReloadable(name: keyof typeof settings): boolean {
  const { reloadable }: Setting = settings[name];
  return reloadable === true;
}

/**
 * Calls `changed` after one of the files has changed and then stayed the same for one look: an editor or
 * a copy may still be writing. Gives the function that ends it.
 */
export function watchFiles(paths: () => readonly string[], changed: () => void): () => void {
  let known = fingerprint(paths()), pending: string | undefined;
  const timer = setInterval(() => {
    const now = fingerprint(paths());
    if (now === known) pending = undefined;
    else if (now !== pending) pending = now;
    else {
      known = now;
      pending = undefined;
      changed();
    }
  }, watchMilliseconds);
  return () => clearInterval(timer);
}

function fingerprint(paths: readonly string[]): string {
  return paths.map((path) => {
    const stats = fs.statSync(path, { throwIfNoEntry: false });
    return stats === undefined ? "-" : `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}`;
  }).join(" ");
}
