/** The command line: argv and environment in, exit status out. The one file that touches any of them. */
import process from "node:process";
import type { Command } from "./lib/commands/command.ts";
import { commands } from "./lib/commands/commands.ts";
import { print } from "./lib/commands/terminal.ts";
import { readCommandLine } from "./lib/config/flags.ts";
import { traceOf } from "./lib/error.ts";

process.exit(await main().catch(lastResort));

async function main(): Promise<number> {
  const line = readCommandLine(process.argv.slice(2), commands);
  const command: Command = commands[line.command];
  if ("run" in command) {
    return await command.run({ line, env: process.env, exit: (status) => process.exit(status) });
  }
  if (line.problems.length > 0) return await refuse(line.problems);
  print(await command.text());
  return 0;
}

/** An error that no one else took. There may be no log yet, and Postfix must not be told. */
async function lastResort(error: unknown): Promise<number> {
  const problem = traceOf(error);
  await refuse([`internal error, please report it: ${problem}`]);
  return 1;
}

async function refuse(problems: readonly string[]): Promise<number> {
  return await (await import("./lib/commands/refuse.ts")).refuse(problems);
}
