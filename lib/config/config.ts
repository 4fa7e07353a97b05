/**
 * From flags, environment and configuration file to a Config, or to every problem at once.
 *
 * A flag overrides the environment, that the file, that the default. Nothing here starts anything.
 */
import { messageOf } from "../error.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import { readConfigFile } from "./file.ts";
import type { CommandLine } from "./flags.ts";
import { type Raw, type RawSettings, type Remarks, textsOf } from "./raw.ts";
import { readSecrets, type Secrets } from "./secrets.ts";
import { contradictions, doubts } from "./sense.ts";
import {
  type Config,
  configKey,
  fallbackOf,
  type Mode,
  modes,
  type Setting,
  type SettingName,
  settingNames,
  settings,
} from "./settings.ts";

/** What a configuration is made from. */
export interface Sources {
  readonly flags: Pick<CommandLine, "settings" | "problems">;
  readonly env: Environment;
  /** Throws when the file cannot be read; the message says why. */
  readonly readFile: (path: string) => string;
  /** Whether the file exists, for those that need not. */
  readonly exists: (path: string) => boolean;
}

export type ReadConfig =
  | { readonly config: Config; readonly secrets: Secrets; readonly warnings: readonly string[] }
  | Refused;

/** A configuration that cannot be used, and why. */
export interface Refused {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  /**
   * The settings, those that are wrong with their defaults: to find what else is wrong, and where to tell it, because
   * a child of spawn(8) has nobody but the log to tell.
   */
  readonly config: Config;
}

/** Read when `config` is not set and it is there. */
export const defaultConfigFile = "/etc/greylist/greylist.conf";

/** Loads the configuration. */
export function loadConfig(sources: Sources): ReadConfig {
  const remarks: Remarks = { problems: [...sources.flags.problems], warnings: [] };
  const { problems, warnings } = remarks;
  const flags = sources.flags.settings;
  const environment = readEnvironment(sources.env, remarks);
  const file = fileSettings(flags.get("config") ?? environment.get("config"), sources, problems);
  const raw: RawSettings = new Map([...file, ...environment, ...flags]);
  const config = parseAll(raw, remarks);
  if (problems.length === 0) {
    problems.push(...contradictions(config, raw));
    warnings.push(...doubts(config, raw));
  }
  const secrets = readSecrets(config, raw, sources.readFile, problems);
  return problems.length > 0 ? { problems, warnings, config } : { config, secrets, warnings };
}

function fileSettings(
  asked: Raw | undefined,
  sources: Sources,
  problems: string[],
): RawSettings {
  const path = asked?.texts[0] ?? defaultConfigFile;
  if (asked === undefined && !sources.exists(path)) return new Map();
  let bytes: string;
  try {
    bytes = sources.readFile(path);
  } catch (error) {
    const why = messageOf(error);
    problems.push(`${asked?.where ?? path}: Cannot read "${path}": ${why}`);
    return new Map();
  }
  return readConfigFile(bytes, path, problems);
}

function parseAll(raw: RawSettings, remarks: Remarks): Config {
  const mode = parseMode(raw.get("mode"));
  const config: Record<string, unknown> = {};
  for (const name of settingNames) {
    config[configKey(name)] = parseSetting(name, raw.get(name), mode, remarks);
  }
  // Every key has been set from its own row, which is what the type says.
  return config as Config;
}

/** The mode, as far as other settings' defaults need it; what is wrong with it is told elsewhere. */
function parseMode(raw: Raw | undefined): Mode {
  return modes.find((mode) => mode === raw?.texts[0]) ?? settings.mode.fallback;
}

/** The value of a setting. What cannot be parsed is left out of a list, and otherwise the default takes its place. */
function parseSetting(
  name: SettingName,
  raw: Raw | undefined,
  mode: Mode,
  { problems, warnings }: Remarks,
): unknown {
  const { takes, parse }: Setting = settings[name];
  const fallback = fallbackOf(name, mode);
  // `name =` in the file: none of a list, and as if it were not there for what has no default.
  if (fallback === undefined && takes === "one" && raw?.texts[0] === "") return undefined;
  const texts = raw?.texts ?? (fallback === undefined ? [] : textsOf(name, fallback));
  if (name === "listen" && texts.length === 0) {
    problems.push(`${raw?.where}: Cannot parse ${name}: want at least one, got nothing`);
  }
  const values = texts.flatMap((text) => {
    const where = raw?.where ?? "default";
    try {
      const value = parse(text);
      if (/^(["']).*\1$/.test(text)) {
        warnings.push(`${where}: ${name} is in quotes, which are taken for a part of it: ${text}`);
      }
      return [value];
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const quotes = /^["']|["']$/.test(text) ? "; want it without the quotes" : "";
      problems.push(`${where}: Cannot parse ${name}: ${error.message}${quotes}`);
      return [];
    }
  });
  if (takes === "list") return values;
  return values.length > 0 || fallback === undefined ? values[0] : parse(fallback);
}
