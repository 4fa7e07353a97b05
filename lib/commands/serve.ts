/** The command behind no command: serves Postfix, in the mode that the configuration names. */
import process from "node:process";
import { load, policyOptions, type Setup } from "../config/load.ts";
import { asksDns } from "../config/sense.ts";
import type { Config } from "../config/settings.ts";
import { mostInFlight } from "../dns/lanes.ts";
import { formatEndpoint } from "../endpoint.ts";
import { messageOf } from "../error.ts";
import { files } from "../files.ts";
import { Instances } from "../greylist/instances.ts";
import { Learning } from "../greylist/learning.ts";
import { createPolicy } from "../greylist/policy.ts";
import { readLists } from "../lists/read.ts";
import { openDestination } from "../log/destinations.ts";
import type { Log } from "../log/log.ts";
import { type OpenLog, openLog } from "../log/open.ts";
import type { Daemon } from "../server/daemon.ts";
import type { Hangup, Rereading } from "../server/reload.ts";
import { openStore } from "../stores/open.ts";
import { type Store, StoreError } from "../stores/store.ts";
import { unavailableStore } from "../stores/unavailable.ts";
import type { Given } from "./command.ts";
import { DnsSource } from "./dns.ts";
import { flushMilliseconds, refuse } from "./refuse.ts";
import { standardErrorIsPostfix, tell } from "./terminal.ts";

/** How long, in milliseconds, requests in flight may take after SIGTERM: well under 5 s in all. */
const shutdownMilliseconds = 4000;

/** How long what is being learned may take after that, at least. */
const learningMilliseconds = 500;

/** Serves until the peer or a signal ends it. Gives 1 when it cannot start or go on. */
export async function serve({ line, env, exit }: Given): Promise<number> {
  const everything = () => load({ flags: line, env, ...files });
  const loaded = await everything();
  if ("problems" in loaded) return await refuse(loaded.problems, loaded.config.log);
  const { setup, warnings } = loaded;
  // Whoever starts it by hand, or in a container, looks here and not at the log.
  const tellStarter = setup.config.log.kind === "stderr" || standardErrorIsPostfix()
    ? () => {}
    : tell;
  const openLog = await openLogOf(setup.config, env["JOURNAL_STREAM"], tellStarter);
  const { log } = openLog;
  // What reaches these is a bug. In spawn mode the exit status is 0 all the same: Postfix asks again, and
  // would only log a warning of its own about another one.
  let isCrashed = false;
  const crashed = (error: unknown) => {
    const end = () => exit(setup.config.mode === "spawn" ? 0 : 1);
    // Another one, in what is still done about the first.
    if (isCrashed) return end();
    isCrashed = true;
    log.internalError(error);
    void openLog.close(flushMilliseconds).then(end);
  };
  process.on("uncaughtException", crashed);
  process.on("unhandledRejection", crashed);
  // In spawn mode the process of each smtpd would repeat them: there, check-config tells them.
  if (setup.config.mode === "daemon") {
    for (const warning of warnings) log.configurationWarning(warning);
  }
  let status = 0;
  try {
    await serveMode(setup, openLog, { everything, lists: (config) => readLists(config, files) });
  } catch (error) {
    const problem = messageOf(error);
    log.configurationProblem(problem);
    tellStarter([problem]);
    status = 1;
  }
  await openLog.close(flushMilliseconds);
  return status;
}

/** Opens the log; a file or socket only at its first line, so that this never fails. */
async function openLogOf(
  config: Config,
  journalStream: string | undefined,
  tellStarter: (lines: readonly string[]) => void,
): Promise<OpenLog> {
  const { mode, log: target, logLevel: threshold, logFormat: format, logIdent: ident } = config;
  const destination = await openDestination(target, {
    json: format === "json",
    ident,
    journalStream,
  });
  const onFailure = (problem: string) =>
    mode === "daemon" && tellStarter([`Cannot log: ${problem}`]);
  return openLog(destination, { threshold, format, onFailure, now: () => performance.now() });
}

/** Serves in the mode that is set. Rejects when it cannot start, and when it cannot go on. */
async function serveMode(setup: Setup, openLog: OpenLog, reading: Rereading): Promise<void> {
  const { config } = setup;
  const watching = config.mode === "spawn" || config.metrics === undefined
    ? undefined
    : await watch(config.metrics, openLog);
  const log = watching?.log ?? openLog.log;
  // Before anything is opened, so that a signal finds what it is to end.
  const signals = config.mode === "daemon" ? listenToSignals() : undefined;
  const opened = await open(setup, log);
  const store = watching?.counted(opened) ?? opened;
  const learning = new Learning(store, log);
  const dns = new DnsSource(log, watching?.exchanged);
  const parts = { store, log, clock, instances: new Instances(), learning };
  const policyFor = async (setup: Setup) =>
    createPolicy(policyOptions(setup), { ...parts, dns: await dns.for(setup.config) });
  let policy = await policyFor(setup);
  const connections = {
    policy: () => policy,
    log,
    maxRequestSize: config.maxRequestSize,
    idleTimeoutMilliseconds: config.idleTimeout * 1000,
    now: () => performance.now(),
    answered: watching?.answered,
  };
  try {
    if (signals === undefined) {
      const { serveSpawn } = await import("../server/spawn.ts");
      await serveSpawn(connections);
      await learning.settled(config.storeTimeout * 1000);
      return;
    }
    const { startDaemon } = await import("../server/daemon.ts");
    const daemon = await startDaemon({
      ...connections,
      listen: config.listen,
      maxConnections: config.maxConnections,
      // Those that a reload turns on find room where connections leave some.
      otherSockets: (asksDns(config) ? mostInFlight : 0) + (watching?.sockets ?? 0),
    });
    const { reloadOnDemand } = await import("../server/reload.ts");
    const stopReloading = reloadOnDemand(setup, log, reading, signals, async (next) => {
      const { store: address, storeCopies } = next.config;
      if (address.kind === "memcached") store.moveTo?.(address.servers, storeCopies);
      policy = await policyFor(next);
    });
    await watching?.serve({ daemon, store, asksDns: () => dns.isOpen });
    log.listening(daemon.endpoints.map(formatEndpoint), store.name, trialHint(config, daemon));
    const reason = await Promise.race([signals.stop, daemon.lost]);
    if (typeof reason === "string") log.stopping(reason);
    stopReloading();
    watching?.stopping();
    const end = performance.now() + shutdownMilliseconds;
    await daemon.shutdown(shutdownMilliseconds);
    await learning.settled(Math.max(learningMilliseconds, end - performance.now()));
    if (typeof reason !== "string") throw reason;
    log.stopped();
  } finally {
    watching?.close();
    dns.close();
    await store.close();
  }
}

/** What counts and serves metrics. Only who wants them loads it. */
async function watch(endpoint: NonNullable<Config["metrics"]>, openLog: OpenLog) {
  return new (await import("./watching.ts")).Watching(endpoint, openLog);
}

/** The time, in UNIX seconds. */
const clock = () => Date.now() / 1000;

function open({ config, secrets }: Setup, log: Log): Promise<Store> {
  return openStore(config.store, {
    timeoutMilliseconds: config.storeTimeout * 1000,
    observer: log,
    clock,
    memoryEntries: config.memoryEntries,
    keyPrefix: config.keyPrefix,
    copies: config.storeCopies,
    ...(secrets.memcached === undefined ? {} : { auth: secrets.memcached }),
  }).catch((error) => {
    // A daemon that cannot start is seen by whoever starts it; of a child of spawn(8) Postfix would only
    // see that it does not answer, and hold the mail.
    if (config.mode !== "spawn" || !(error instanceof StoreError)) throw error;
    log.down(config.store.kind, error.message);
    return unavailableStore(config.store.kind, error.message);
  });
}

interface Signals extends Hangup {
  /** Settles with the name of the first signal that asks for the end. */
  readonly stop: Promise<string>;
}

/** None of them has its default effect again: a second one must not cut off what the first lets finish. */
function listenToSignals(): Signals {
  const stop = new Promise<string>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => resolve(signal));
    }
  });
  const signals: Signals = { stop, hangup: () => {} };
  process.on("SIGHUP", () => signals.hangup());
  return signals;
}

/** With the state in memory somebody is most likely trying things, and is told how. */
function trialHint({ store }: Config, { endpoints }: Daemon): string | undefined {
  const inet = endpoints.find((endpoint) => endpoint.kind === "inet");
  if (store.kind !== "memory" || inet === undefined) return undefined;
  const request = [
    "request=smtpd_access_policy",
    "protocol_state=RCPT",
    "client_address=192.0.2.1",
    "sender=alice@example.org",
    "recipient=robin@example.com",
    "",
    "",
  ].join("\\n");
  return `try: printf '${request}' | nc -N ${inet.host} ${inet.port}`;
}
