/**
 * The command line: a command, what it is about, settings as flags, and switches and options (flags with a value)
 * that only some commands have. Pure.
 *
 * Which commands there are, the caller says; without one it is `serve`. `--help` and `--version` are commands,
 * too.
 */
import { parseArgs } from "node:util";
import { isSettingName, type Raw, type RawSettings, textsOf } from "./raw.ts";
import { type SettingName, settingNames, settings } from "./settings.ts";
import { suggestion } from "./suggestion.ts";

/** Every command, with the switches and options that not all have, and whether it takes words behind it. */
export type Switches<Command extends string> = Readonly<
  Record<
    Command | "serve" | "help" | "version",
    {
      readonly switches: readonly string[];
      /** Each with what stands for its value in messages. */
      readonly options?: Readonly<Record<string, string>>;
      readonly takesWords?: true;
    }
  >
>;

/** What the command line says. */
export interface CommandLine<Command extends string = string> {
  readonly command: Command;
  /** The command's own switches that are there. */
  readonly switches: ReadonlySet<string>;
  /** The command's own options that are there; of one that is there twice, the last. */
  readonly options: ReadonlyMap<string, string>;
  /** The words behind a command that takes any. */
  readonly words: readonly string[];
  readonly settings: RawSettings;
  /** With one of them, nothing must be done. */
  readonly problems: readonly string[];
}

/** Reads the words behind the program's name. */
export function readCommandLine<Command extends string>(
  argv: readonly string[],
  commands: Switches<Command>,
): CommandLine<keyof Switches<Command>> {
  type Name = keyof Switches<Command>;
  const names = Object.keys(commands) as Name[];
  const valuesOf = (name: Name) => commands[name].options ?? {};
  const owners = (own: string) =>
    names.filter((name) => commands[name].switches.includes(own) || own in valuesOf(name));
  const known = new Set(names.flatMap((name) => commands[name].switches));
  const values = new Map(names.flatMap((name) => Object.entries(valuesOf(name))));
  const raw = new Map<SettingName, Raw>(), switches = new Set<string>();
  const options = new Map<string, string>();
  const words: string[] = [], problems: string[] = [];
  let command: Name | undefined, afterProblem = false;
  for (const token of tokensOf(argv, [...known], [...values.keys()])) {
    if (token.kind === "positional") {
      // Most likely the value of the flag before it, of which enough has been said.
      if (afterProblem) continue;
      if (command !== undefined && commands[command].takesWords) {
        words.push(token.value);
        continue;
      }
      const named = names.find((name) => name === token.value);
      if (named === undefined) {
        problems.push(`${token.value}: no such command${suggestion(token.value, names)}`);
      } else if (command !== undefined) {
        problems.push(`${token.value}: ${command} was asked already`);
      } else command = named;
    } else if (token.kind === "option") {
      const { name, value } = token;
      const where = token.rawName;
      if (name === "help" || name === "version") command = name;
      else if (known.has(name)) switches.add(name);
      else if (!values.has(name) && !isSettingName(name)) {
        const all = [...settingNames, ...known, ...values.keys()];
        problems.push(`${where}: no such setting${suggestion(name, all, "--")}`);
        afterProblem = true;
        continue;
      } else if (isSettingName(name) && settings[name].takes === "switch") {
        raw.set(name, { texts: [value ?? "yes"], where });
      } // parseArgs takes the next flag for a missing value.
      else if (value === undefined || (!token.inlineValue && value.startsWith("--"))) {
        const wanted = isSettingName(name) ? settings[name].placeholder : values.get(name);
        problems.push(`${where}: want ${wanted} behind it`);
        afterProblem = true;
        continue;
      } else if (!isSettingName(name)) options.set(name, value);
      else {
        const before = settings[name].takes === "list" ? raw.get(name)?.texts ?? [] : [];
        raw.set(name, { texts: [...before, ...textsOf(name, value)], where });
      }
    }
    afterProblem = false;
  }
  for (const own of [...switches, ...options.keys()]) {
    const able = owners(own);
    if (command !== undefined && able.includes(command)) continue;
    problems.push(`--${own}: only ${able.join(" and ")} ${able.length > 1 ? "take" : "takes"} it`);
  }
  return { command: command ?? "serve", switches, options, words, settings: raw, problems };
}

function tokensOf(
  argv: readonly string[],
  switches: readonly string[],
  withValue: readonly string[],
) {
  const options: Record<string, { type: "string" | "boolean"; short?: string }> = {
    help: { type: "boolean", short: "h" },
    version: { type: "boolean" },
  };
  for (const name of settingNames) {
    options[name] = { type: settings[name].takes === "switch" ? "boolean" : "string" };
  }
  for (const name of switches) options[name] = { type: "boolean" };
  for (const name of withValue) options[name] = { type: "string" };
  return parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  }).tokens;
}
