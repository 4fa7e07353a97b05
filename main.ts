/**
 * The command line: argv and environment in, exit status out. The one file that touches either, and the
 * one that knows what may be written where: under spawn(8), standard error is the connection to Postfix.
 */
import * as fs from "node:fs";
import process from "node:process";
import { openLog } from "./lib/log.ts";
import { openDestination } from "./lib/log/destinations.ts";
import { type LogTarget, parseLogTarget } from "./lib/log/target.ts";
import { load, type Loaded, type Setup } from "./lib/setup.ts";
import { version } from "./lib/version.ts";

/** sysexits.h: EX_CONFIG. */
const exitConfig = 78;

/** How long, in milliseconds, the last lines may take to be written. */
const flushMilliseconds = 200;

process.exit(await main().catch(lastResort));

async function main(): Promise<number> {
  const loaded = await loadAll();
  if ("problems" in loaded) return await refuse(loaded.problems, loaded.log);
  switch (loaded.command) {
    case "serve":
      return await run(loaded.setup);
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
      print(`greylist ${version}`);
      return 0;
  }
}

function loadAll(): Promise<Loaded> {
  return load({
    argv: process.argv.slice(2),
    env: process.env,
    readFile: (path) => fs.readFileSync(path, "latin1"),
    exists: (path) => fs.existsSync(path),
  });
}

async function run(setup: Setup): Promise<number> {
  const { mode, log: target, logLevel: threshold, logFormat: format } = setup.config;
  const destination = await openDestination(target, { stamped: format === "text" });
  const { log, flush } = openLog(destination, { threshold, format });
  // What reaches these is a bug. In spawn mode the exit status is 0 all the same: Postfix asks again, and
  // would only log a warning of its own about another one.
  const crashed = (error: unknown) => {
    log.internalError(error);
    void flush(flushMilliseconds).then(() => process.exit(mode === "spawn" ? 0 : 1));
  };
  process.on("uncaughtException", crashed);
  process.on("unhandledRejection", crashed);
  const { serve } = await import("./lib/commands/serve.ts");
  let status = 0;
  try {
    await serve(setup, log, loadAll);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    log.configurationProblem(problem);
    // Whoever starts it by hand looks here and not at the log.
    if (target.kind !== "stderr" && !standardErrorIsPostfix()) tellOnStandardError([problem]);
    status = 1;
  }
  await flush(flushMilliseconds);
  return status;
}

/** Tells what is wrong with the configuration, where somebody will see it. */
async function refuse(problems: readonly string[], target?: LogTarget): Promise<number> {
  if (!standardErrorIsPostfix()) {
    tellOnStandardError([...problems, "see greylist --help"]);
    return exitConfig;
  }
  const usable = target === undefined || target.kind === "stderr"
    ? parseLogTarget("syslog")
    : target;
  const { log, flush } = openLog(await openDestination(usable, { stamped: true }), {
    threshold: "info",
    format: "text",
  });
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
