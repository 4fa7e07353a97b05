/**
 * The command line: argv and environment in, exit status out. The one file that touches either, and the
 * one that knows what may be written where: under spawn(8), standard error is the connection to Postfix.
 */
import * as fs from "node:fs";
import process from "node:process";
import { readLists } from "./lib/lists/read.ts";
import { type OpenLog, openLog } from "./lib/log/open.ts";
import { openDestination } from "./lib/log/destinations.ts";
import { type LogTarget, parseLogTarget } from "./lib/log/target.ts";
import { load, type Loaded, type Setup } from "./lib/config/load.ts";
import { type Config, settings } from "./lib/config/settings.ts";
import { parseDuration, parseSize } from "./lib/config/units.ts";
import { version } from "./lib/version.ts";

/** sysexits.h: EX_CONFIG. */
const exitConfig = 78;

/** How long, in milliseconds, the last lines may take to be written. */
const flushMilliseconds = 200;

const files = { readFile: (path: string) => fs.readFileSync(path, "latin1"), exists };

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
      print((await import("./lib/config/help.ts")).sampleConfig());
      return 0;
    case "help":
      print((await import("./lib/config/help.ts")).helpText());
      return 0;
    case "version":
      print(`greylist ${version}`);
      return 0;
  }
}

function loadAll(): Promise<Loaded> {
  return load({ argv: process.argv.slice(2), env: process.env, ...files });
}

async function run(setup: Setup): Promise<number> {
  const { mode, log: target, logLevel: threshold, logFormat: format } = setup.config;
  // Whoever starts it by hand, or in a container, looks here and not at the log.
  const tell = target.kind === "stderr" || standardErrorIsPostfix()
    ? () => {}
    : tellOnStandardError;
  const onFailure = (problem: string) => mode === "daemon" && tell([`Cannot log: ${problem}`]);
  const { log, close } = await openLogTo(target, { threshold, format, onFailure });
  // What reaches these is a bug. In spawn mode the exit status is 0 all the same: Postfix asks again, and
  // would only log a warning of its own about another one.
  const crashed = (error: unknown) => {
    log.internalError(error);
    void close(flushMilliseconds).then(() => process.exit(mode === "spawn" ? 0 : 1));
  };
  process.on("uncaughtException", crashed);
  process.on("unhandledRejection", crashed);
  const { serve } = await import("./lib/commands/serve.ts");
  let status = 0;
  try {
    const lists = (config: Config) => readLists(config, files);
    await serve(setup, log, { everything: loadAll, lists });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    log.configurationProblem(problem);
    tell([problem]);
    status = 1;
  }
  await close(flushMilliseconds);
  return status;
}

/** Opens the log; a file or socket only at its first line, so that this never fails. */
async function openLogTo(
  target: LogTarget,
  options: Pick<Parameters<typeof openLog>[1], "threshold" | "format" | "onFailure">,
): Promise<OpenLog> {
  const journalStream = process.env["JOURNAL_STREAM"];
  const json = options.format === "json";
  const destination = await openDestination(target, { json, journalStream });
  return openLog(destination, { ...options, now: () => performance.now() });
}

/**
 * Tells what is wrong with the configuration, where somebody will see it.
 *
 * Before Postfix 3.0 a policy server that does not answer holds all mail. So a child of spawn(8) has nothing
 * to say about any of it, until the configuration is mended or Postfix ends it.
 */
async function refuse(problems: readonly string[], target?: LogTarget): Promise<number> {
  if (!standardErrorIsPostfix()) {
    tellOnStandardError([...problems, "see greylist --help"]);
    return exitConfig;
  }
  const usable = target === undefined || target.kind === "stderr"
    ? parseLogTarget("syslog")
    : target;
  const { log, close } = await openLogTo(usable, { threshold: "info", format: "text" });
  for (const problem of problems) log.configurationProblem(problem);
  const { serveSpawn } = await import("./lib/server/spawn.ts");
  await serveSpawn({
    policy: () => ({ answer: () => Promise.resolve({ kind: "dunno" }) }),
    log,
    maxRequestSize: parseSize(settings["max-request-size"].fallback),
    idleTimeoutMilliseconds: parseDuration(settings["idle-timeout"].fallback) * 1000,
    now: () => performance.now(),
  });
  await close(flushMilliseconds);
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

/** What is there but out of reach is there: reading it will say what is wrong. */
function exists(path: string): boolean {
  try {
    fs.statSync(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code !== "ENOENT" && code !== "ENOTDIR";
  }
}

function print(text: string): void {
  try {
    fs.writeSync(1, `${text}\n`);
  } catch (error) {
    // Whoever reads it has seen enough: greylist --help | head
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  }
}
