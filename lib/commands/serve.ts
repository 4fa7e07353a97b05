/** The command behind no command: serves Postfix, in the mode that the configuration names. */
import process from "node:process";
import { listFiles } from "../lists/read.ts";
import type { Log } from "../log/log.ts";
import type { Daemon } from "../server/daemon.ts";
import { createPolicy } from "../greylist/policy.ts";
import { Instances } from "../greylist/instances.ts";
import type { Reading } from "../server/reload.ts";
import { policyOptions, type Setup } from "../config/load.ts";
import type { Config } from "../config/settings.ts";
import { openStore } from "../stores/open.ts";
import { type Store, StoreError } from "../stores/store.ts";
import { unavailableStore } from "../stores/unavailable.ts";
import { formatEndpoint } from "../endpoint.ts";

/** How long, in milliseconds, requests in flight may take after SIGTERM: well under 5 s in all. */
const shutdownMilliseconds = 4000;

/**
 * Serves until the peer or a signal ends it. Rejects when it cannot start.
 *
 * @param reading reads everything again, for a reload
 */
export async function serve(setup: Setup, log: Log, reading: Reading): Promise<void> {
  const { config } = setup;
  // Before anything is opened, so that a signal finds what it is to end.
  const signals = config.mode === "daemon" ? listenToSignals() : undefined;
  const store = await open(setup, log);
  const parts = { store, log, now, instances: new Instances() };
  let policy = createPolicy(policyOptions(setup), parts);
  const connections = {
    policy: () => policy,
    log,
    maxRequestSize: config.maxRequestSize,
    idleTimeoutMilliseconds: config.idleTimeout * 1000,
    now: () => performance.now(),
  };
  try {
    if (signals === undefined) {
      const { serveSpawn } = await import("../server/spawn.ts");
      await serveSpawn(connections);
      return;
    }
    const { startDaemon } = await import("../server/daemon.ts");
    const daemon = await startDaemon({
      ...connections,
      listen: config.listen,
      maxConnections: config.maxConnections,
    });
    const stopReloading = await reloadOnDemand(setup, log, reading, signals, (next) => {
      policy = createPolicy(policyOptions(next), parts);
    });
    log.listening(daemon.endpoints.map(formatEndpoint), store.name, trialHint(config, daemon));
    log.stopping(await signals.stop);
    stopReloading();
    await daemon.shutdown(shutdownMilliseconds);
    log.stopped();
  } finally {
    await store.close();
  }
}

/** The time, in UNIX seconds. */
const now = () => Date.now() / 1000;

function open({ config, secrets }: Setup, log: Log): Promise<Store> {
  return openStore(config.store, {
    timeoutMs: config.storeTimeout * 1000,
    observer: log,
    clock: now,
    memoryEntries: config.memoryEntries,
    keyPrefix: config.keyPrefix,
    ...(secrets.memcached === undefined ? {} : { auth: secrets.memcached }),
  }).catch((error) => {
    // A daemon that cannot start is seen by whoever starts it; of a child of spawn(8) Postfix would only
    // see that it does not answer, and hold the mail.
    if (config.mode !== "spawn" || !(error instanceof StoreError)) throw error;
    log.down(config.store.kind, error.message);
    return unavailableStore(config.store.kind, error.message);
  });
}

interface Signals {
  /** Settles with the name of the first signal that asks for the end. */
  readonly stop: Promise<string>;
  /** What SIGHUP does; nothing until it is set, and nothing again once it is over. */
  hangup: () => void;
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

/** Gives every new setup to `take`, at SIGHUP and when a list changes. Gives the function that ends it. */
async function reloadOnDemand(
  setup: Setup,
  log: Log,
  reading: Reading,
  signals: Signals,
  take: (next: Setup) => void,
): Promise<() => void> {
  const { reload, reloadLists, watchFiles } = await import("../server/reload.ts");
  let current = setup, running = Promise.resolve();
  const waiting = new Set<typeof reload>();
  // One after the other. What is asked for several times before it begins is done once.
  const ask = (how: typeof reload) => {
    if (waiting.has(how)) return;
    waiting.add(how);
    running = running.then(async () => {
      waiting.delete(how);
      const next = await how(current, reading, log);
      if (next !== undefined) take(current = next);
    }).catch((error) => log.internalError(error));
  };
  signals.hangup = () => ask(reload);
  const stopWatching = watchFiles(() => listFiles(current.config), () => ask(reloadLists));
  return () => {
    signals.hangup = () => {};
    stopWatching();
  };
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
