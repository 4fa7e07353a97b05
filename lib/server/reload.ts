/**
 * A new configuration for a running daemon: at SIGHUP everything is read again, and when a list changes on
 * disk the lists are. All or nothing: with a problem anywhere the old configuration stays.
 */
import * as fs from "node:fs";
import { listFiles, type ReadLists } from "../lists/read.ts";
import { takenFrom } from "../lists/sources.ts";
import type { Log } from "../log/log.ts";
import {
  type Config,
  configKey,
  type Setting,
  type SettingName,
  settingNames,
  settings,
} from "../config/settings.ts";
import type { Loaded, Setup } from "../config/load.ts";

/** How a running program reads again what it read at its start. */
export interface Rereading {
  readonly everything: () => Promise<Loaded>;
  readonly lists: (config: Config) => Promise<ReadLists>;
}

/** How often, in milliseconds, the lists' files are looked at. */
const watchMilliseconds = 2000;

/** Whether only a restart can change a setting from the one to the other. */
function isFixed(name: SettingName, before: Config, next: Config): boolean {
  const { reloadable }: Setting = settings[name], key = configKey(name);
  if (typeof reloadable !== "function") return reloadable !== true;
  // Each row takes its own values.
  const follows = reloadable as (before: unknown, next: unknown) => boolean;
  return !follows(before[key], next[key]);
}

/** What a process gets from outside that means "read again". */
export interface Hangup {
  /** What SIGHUP does; nothing until it is set, and nothing again once it is over. */
  hangup: () => void;
}

/** Gives every new setup to `take`, at SIGHUP and when a list changes. Gives the function that ends it. */
export function reloadOnDemand(
  setup: Setup,
  log: Log,
  reading: Rereading,
  signals: Hangup,
  take: (next: Setup) => void | Promise<void>,
): () => void {
  let current = setup, running = Promise.resolve();
  const waiting = new Set<typeof reload>();
  // One after the other. What is asked for several times before it begins is done once.
  const ask = (how: typeof reload) => {
    if (waiting.has(how)) return;
    waiting.add(how);
    running = running.then(async () => {
      waiting.delete(how);
      const next = await how(current, reading, log);
      if (next !== undefined) await take(current = next);
    }).catch((error) => log.internalError(error));
  };
  signals.hangup = () => ask(reload);
  const stopWatching = watchFiles(
    () => listFiles(current.config),
    () => ask(reloadLists),
    watchMilliseconds,
  );
  return () => {
    signals.hangup = () => {};
    stopWatching();
  };
}

/** Reads everything anew; undefined, and told to the log, when the old setup has to stay. */
export async function reload(
  current: Setup,
  reading: Rereading,
  log: Log,
): Promise<Setup | undefined> {
  const loaded = await reading.everything();
  if ("problems" in loaded) {
    log.reloadRefused(loaded.problems);
    return undefined;
  }
  for (const warning of loaded.warnings) log.configurationWarning(warning);
  const { config, lists } = loaded.setup;
  const fixedSettings = settingNames.filter((name) => isFixed(name, current.config, config));
  const changed = fixedSettings.filter((name) => {
    const key = configKey(name);
    return JSON.stringify(current.config[key]) !== JSON.stringify(config[key]);
  });
  if (changed.length > 0) log.restartWanted(changed);
  const kept = Object.fromEntries(
    fixedSettings.map((name) => [configKey(name), current.config[configKey(name)]]),
  );
  log.reloaded("configuration");
  // Both are whole: one is a Config with some of the other's values in it.
  return { config: { ...config, ...kept } as Config, secrets: current.secrets, lists };
}

/** Reads the lists anew, the settings staying as they are; undefined as above. */
export async function reloadLists(
  current: Setup,
  reading: Rereading,
  log: Log,
): Promise<Setup | undefined> {
  const { lists, problems, warnings } = await reading.lists(current.config);
  if (problems.length > 0) {
    log.reloadRefused(problems);
    return undefined;
  }
  for (const warning of warnings) log.configurationWarning(warning);
  log.reloaded("lists");
  return { ...current, lists };
}

/**
 * Calls `changed` after one of the files, or of those that a folder gives, has changed and then stayed the same
 * for one look: an editor or a copy may still be writing. Gives the function that ends it.
 */
export function watchFiles(
  paths: () => readonly string[],
  changed: () => void,
  everyMilliseconds: number,
): () => void {
  let watched = paths(), known = fingerprint(watched), pending: string | undefined;
  const timer = setInterval(() => {
    // Another set of files comes with a configuration that has read them.
    if (paths().join() !== watched.join()) {
      watched = paths();
      known = fingerprint(watched);
    }
    const now = fingerprint(watched);
    if (now === known) pending = undefined;
    else if (now !== pending) pending = now;
    else {
      known = now;
      pending = undefined;
      changed();
    }
  }, everyMilliseconds);
  return () => clearInterval(timer);
}

function fingerprint(paths: readonly string[]): string {
  return paths.map((path) =>
    markOf(path, (stat) => {
      if (!stat.isDirectory()) return markOfFile(stat);
      // What a folder in it has does not count, and may be the folder itself again.
      const files = takenFrom(path, fs.readdirSync(path));
      return files.map((file) => `${file}:${markOf(file, markOfFile)}`).join();
    })
  ).join(" ");
}

function markOf(path: string, mark: (stat: fs.Stats) => string): string {
  try {
    return mark(fs.statSync(path));
  } catch (error) {
    // Gone, or out of reach: a change like any other, and reading it will say what is wrong.
    return (error as NodeJS.ErrnoException).code ?? "unknown";
  }
}

function markOfFile({ dev, ino, size, mtimeMs }: fs.Stats): string {
  return `${dev}:${ino}:${size}:${mtimeMs}`;
}
