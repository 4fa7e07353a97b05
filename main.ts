/**
 * The command line: argv and environment in, exit status out. The one file that touches either, and the
 * one that knows what may be written where: under spawn(8), standard error is the connection to Postfix.
 */
import * as fs from "node:fs";
import process from "node:process";
import { loadConfig, type Loaded } from "./lib/config.ts";
import { openLog } from "./lib/log.ts";
import { openDestination } from "./lib/log/destinations.ts";
import { parseLogTarget } from "./lib/log/target.ts";

/** sysexits.h: EX_CONFIG. */
const exitConfig = 78;

/** How long, in milliseconds, the last lines may take to be written. */
const flushMilliseconds = 200;

process.exit(await main().catch(lastResort));

async function main(): Promise<number> {
  const loaded = loadConfig({
    argv: process.argv.slice(2),
    env: process.env,
    readFile: (path) => fs.readFileSync(path, "latin1"),
    exists: (path) => fs.existsSync(path),
  });
  if ("problems" in loaded) return await refuse(loaded.problems);
  switch (loaded.command) {
    case "serve":
      return await run(loaded);
    case "check-config":
      print("the configuration is good");
      return 0;
    case "sample-config":
      print((await import("./lib/help.ts")).sampleConfig());
      return 0;
    case "help":
      print((await import("./lib/help.ts")).helpText());
      return 0;
    case "version":
      print(`greylist ${(await import("./lib/version.ts")).version}`);
      return 0;
  }
}

async function run({ config, secrets }: Extract<Loaded, { config: unknown }>): Promise<number> {
  const stamped = config.logFormat === "text";
  const open = openLog(await openDestination(config.log, { stamped }), {
    threshold: config.logLevel,
    format: config.logFormat,
  });
  // What reaches these is a bug. In spawn mode the exit status is 0 all the same: Postfix asks again, and
  // would only log a warning of its own about another one.
  const crashed = (error: unknown) => {
    open.log.internalError(error);
    void open.flush(flushMilliseconds).then(() => process.exit(config.mode === "spawn" ? 0 : 1));
  };
  process.on("uncaughtException", crashed);
  process.on("unhandledRejection", crashed);
  const { serve } = await import("./lib/commands/serve.ts");
  let status = 0;
  try {
    await serve(config, secrets, open);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    open.log.configurationProblem(problem);
    // Whoever starts it by hand looks here and not at the log.
    if (config.log.kind !== "stderr" && !standardErrorIsPostfix()) tellOnStandardError([problem]);
    status = 1;
  }
  await open.flush(flushMilliseconds);
  return status;
}

/** Tells what is wrong with the configuration, where somebody will see it. */
async function refuse(problems: readonly string[]): Promise<number> {
  if (!standardErrorIsPostfix()) {
    tellOnStandardError([...problems, "see greylist --help"]);
    return exitConfig;
  }
  const { log, flush } = openLog(
    await openDestination(parseLogTarget("syslog"), { stamped: true }),
    { threshold: "info", format: "text" },
  );
  for (const problem of problems) log.configurationProblem(problem);
  await flush(flushMilliseconds);
  return exitConfig;
}

function tellOnStandardError(problems: readonly string[]): void {
  for (const problem of problems) fs.writeSync(2, `greylist: ${problem}\n`);
}

/** Whether we are a child of spawn(8) or inetd, where all three descriptors are one socket. */
function standardErrorIsPostfix(): boolean {
  try {
    const input = fs.fstatSync(0), error = fs.fstatSync(2);
    return error.isSocket() && input.ino === error.ino && input.dev === error.dev;
  } catch {
    // A descriptor is closed: there is nobody to be told anything.
    return true;
  }
}

/** An error that no one else took. There may be no log yet, and Postfix must not be told. */
async function lastResort(error: unknown): Promise<number> {
  const problem = error instanceof Error ? error.stack ?? error.message : String(error);
  await refuse([`internal error, please report it: ${problem}`]);
  return 1;
}

function print(text: string): void {
  fs.writeSync(1, `${text}\n`);
}
