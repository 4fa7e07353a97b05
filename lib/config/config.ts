/**
 * From command line, environment and configuration file to a Config, or to every problem at once.
 *
 * A flag counts over the environment, that over the file, that over the default. The file is written as
 * main.cf: `name = value`, a line that begins with white space continues the one before, `#` begins a
 * comment line. Lists are separated by commas or white space. Nothing here starts anything.
 */
import { parseArgs } from "node:util";
import { decodeUtf8, logicalLines } from "./file.ts";
import {
  type Config,
  configKey,
  environmentName,
  fallbackOf,
  type Mode,
  modes,
  type Setting,
  type SettingName,
  settingNames,
  settings,
} from "./settings.ts";
import { formatDuration } from "./units.ts";

/** What a configuration is made from. */
export interface Sources {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Throws when the file cannot be read; the message says why. */
  readonly readFile: (path: string) => string;
  /** Whether the file exists, for those that need not. */
  readonly exists: (path: string) => boolean;
}

export const commands = ["serve", "check-config", "sample-config", "help", "version"] as const;
export type Command = (typeof commands)[number];

/** Secrets, read from the files that settings name. */
export interface Secrets {
  readonly key?: Uint8Array;
  readonly memcached?: { readonly username: string; readonly password: string };
}

export type Loaded =
  | {
    readonly command: Command;
    readonly config: Config;
    readonly secrets: Secrets;
  }
  | Refused;

/** A configuration that cannot be used, and why. */
export interface Refused {
  readonly command: Command;
  readonly problems: readonly string[];
  /** Where to tell them, as far as that could be read: a child of spawn(8) has nobody else to tell. */
  readonly log?: Config["log"] | undefined;
}

/** Read when `config` is not set and it is there. */
export const defaultConfigFile = "/etc/greylist/greylist.conf";

/** A value as it was written, and where: the beginning of a problem's line. */
interface Raw {
  readonly texts: string[];
  readonly where: string;
}
type RawSettings = Map<SettingName, Raw>;

const isSettingName = (name: string): name is SettingName => Object.hasOwn(settings, name);

const describe = (error: unknown) => error instanceof Error ? error.message : String(error);

/** Loads the configuration. */
export function loadConfig(sources: Sources): Loaded {
  const problems: string[] = [];
  const { command, raw: flags } = readFlags(sources.argv, problems);
  if (command === "help" || command === "version" || command === "sample-config") {
    return problems.length > 0 ? { command, problems } : {
      command,
      config: parseAll(new Map(), []),
      secrets: {},
    };
  }
  const environment = readEnvironment(sources.env, problems);
  const file = readConfigFile(flags.get("config") ?? environment.get("config"), sources, problems);
  const raw: RawSettings = new Map([...file, ...environment, ...flags]);
  const config = parseAll(raw, problems);
  if (problems.length === 0) problems.push(...contradictions(config));
  const secrets = readSecrets(config, raw, sources, problems);
  if (problems.length > 0) return { command, problems, log: config.log };
  return { command, config, secrets };
}

function readFlags(
  argv: readonly string[],
  problems: string[],
): { command: Command; raw: RawSettings } {
  const options: Record<string, { type: "string" | "boolean"; short?: string }> = {
    help: { type: "boolean", short: "h" },
    version: { type: "boolean" },
  };
  for (const name of settingNames) {
    options[name] = { type: settings[name].takes === "switch" ? "boolean" : "string" };
  }
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const raw: RawSettings = new Map();
  let command: Command | undefined, afterProblem = false;
  for (const token of tokens) {
    if (token.kind === "positional") {
      // Most likely the value of the flag before it, of which enough has been said.
      if (afterProblem) continue;
      const named = commands.find((name) => name === token.value);
      if (named === undefined) problems.push(`${token.value}: no such command`);
      else if (command !== undefined) problems.push(`${token.value}: ${command} was asked already`);
      else command = named;
    } else if (token.kind === "option") {
      const { name, value } = token;
      const where = token.rawName;
      if (name === "help" || name === "version") command = name;
      else if (!isSettingName(name)) {
        problems.push(`${where}: no such setting`);
        afterProblem = true;
        continue;
      } else if (settings[name].takes === "switch") {
        raw.set(name, { texts: [value ?? "yes"], where });
      } // parseArgs takes the next flag for a missing value.
      else if (value === undefined || (!token.inlineValue && value.startsWith("--"))) {
        problems.push(`${where}: want ${settings[name].placeholder} behind it`);
        afterProblem = true;
        continue;
      } else if (settings[name].takes === "list") {
        raw.set(name, { texts: [...raw.get(name)?.texts ?? [], ...splitList(value)], where });
      } else raw.set(name, { texts: [value], where });
    }
    afterProblem = false;
  }
  return { command: command ?? "serve", raw };
}

function readEnvironment(env: Sources["env"], problems: string[]): RawSettings {
  const raw: RawSettings = new Map();
  const names = new Map(settingNames.map((name) => [environmentName(name), name]));
  for (const [variable, value] of Object.entries(env)) {
    // An empty variable is one that is not set: Compose hands on all of them.
    if (!variable.startsWith("GREYLIST_") || !value) continue;
    const name = names.get(variable);
    if (name === undefined) problems.push(`${variable}: no such setting`);
    else raw.set(name, { texts: textsOf(name, value), where: variable });
  }
  return raw;
}

function readConfigFile(
  asked: Raw | undefined,
  sources: Sources,
  problems: string[],
): RawSettings {
  const path = asked?.texts[0] ?? defaultConfigFile;
  if (asked === undefined && !sources.exists(path)) return new Map();
  try {
    return parseConfigFile(sources.readFile(path), path, problems);
  } catch (error) {
    problems.push(`${asked?.where ?? path}: Cannot read "${path}": ${describe(error)}`);
    return new Map();
  }
}

/** Reads the bytes of a configuration file. */
function parseConfigFile(bytes: string, path: string, problems: string[]): RawSettings {
  const raw: RawSettings = new Map();
  for (const { line, text: setting } of logicalLines(bytes)) {
    const where = `${path}:${line}`;
    const [, name, value] = /^([^\s=]+)\s*=\s*(.*)$/.exec(setting) ?? [];
    if (name === undefined || value === undefined) {
      problems.push(`${where}: want name = value, got "${setting}"`);
    } else if (!isSettingName(name) || name === "config") {
      problems.push(`${where}: no such setting: "${name}"`);
    } else if (raw.has(name)) {
      problems.push(`${where}: ${name} was set already at ${raw.get(name)?.where}`);
    } else raw.set(name, { texts: textsOf(name, value), where });
  }
  return raw;
}

function textsOf(name: SettingName, value: string): string[] {
  return settings[name].takes === "list" ? splitList(value) : [value];
}

function splitList(text: string): string[] {
  return text.split(/[,\s]+/).filter((item) => item !== "");
}

function parseAll(raw: RawSettings, problems: string[]): Config {
  const mode = parseMode(raw.get("mode"));
  const config: Record<string, unknown> = {};
  for (const name of settingNames) {
    config[configKey(name)] = parseSetting(name, raw.get(name), mode, problems);
  }
  // Every key has been set from its own row, which is what the type says.
  return config as Config;
}

/** The mode, as far as other settings' defaults need it; what is wrong with it is told elsewhere. */
function parseMode(raw: Raw | undefined): Mode {
  return modes.find((mode) => mode === raw?.texts[0]) ?? settings.mode.fallback;
}

function parseSetting(
  name: SettingName,
  raw: Raw | undefined,
  mode: Mode,
  problems: string[],
): unknown {
  const { takes, parse }: Setting = settings[name];
  const fallback = fallbackOf(name, mode);
  // `name =` in the file: none of a list, and as if it were not there for what has no default.
  if (fallback === undefined && takes === "one" && raw?.texts[0] === "") return undefined;
  const texts = raw?.texts ?? (fallback === undefined ? [] : textsOf(name, fallback));
  if (name === "listen" && texts.length === 0) {
    problems.push(`${raw?.where}: Cannot parse ${name}: want at least one, got nothing`);
  }
  const values = texts.map((text) => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      problems.push(`${raw?.where ?? "default"}: Cannot parse ${name}: ${error.message}`);
      return undefined;
    }
  });
  return takes === "list" ? values : values[0];
}

/** Settings that are fine each, but not together. */
function contradictions(config: Config): string[] {
  const problems: string[] = [];
  if (config.delay >= config.retryWindow) {
    problems.push(
      `delay (${formatDuration(config.delay)}) is not shorter than retry-window ` +
        `(${formatDuration(config.retryWindow)}): no mail could ever pass`,
    );
  }
  if (config.mode !== "spawn") return problems;
  if (config.store.kind === "memory") {
    problems.push(
      `store = memory does not go with mode = spawn: every spawn(8) process would have a memory ` +
        `of its own, forgotten at its end; want memcached or sqlite`,
    );
  }
  if (config.log.kind === "stderr") {
    problems.push(
      `log = stderr does not go with mode = spawn: there it is the connection to Postfix; ` +
        `want syslog, a file or none`,
    );
  }
  return problems;
}

const minSecretBytes = 16;

function readSecrets(
  config: Config,
  raw: RawSettings,
  sources: Sources,
  problems: string[],
): Secrets {
  const read = (name: SettingName, path: string | undefined): string | undefined => {
    if (path === undefined) return undefined;
    try {
      return sources.readFile(path).trim();
    } catch (error) {
      problems.push(`${raw.get(name)?.where}: Cannot read ${name} "${path}": ${describe(error)}`);
      return undefined;
    }
  };
  const key = read("key-secret-file", config.keySecretFile);
  if (key !== undefined && key.length < minSecretBytes) {
    problems.push(
      `${config.keySecretFile}: want a secret of at least ${minSecretBytes} bytes, ` +
        `got ${key.length}`,
    );
  }
  const auth = read("memcached-auth-file", config.memcachedAuthFile);
  const [, username, password] = /^([^:\n]+):([^\n]+)$/.exec(decodeUtf8(auth ?? "")) ?? [];
  if (auth !== undefined && password === undefined) {
    problems.push(`${config.memcachedAuthFile}: want one line, user:password`);
  }
  return {
    ...(key === undefined ? {} : { key: new TextEncoder().encode(key) }),
    ...(username === undefined || password === undefined
      ? {}
      : { memcached: { username, password } }),
  };
}
