/** The command behind no command: serves Postfix, in the mode that the configuration names. */
import process from "node:process";
import { listFiles } from "../lists.ts";
import type { Log } from "../log.ts";
import { createPolicy, Instances } from "../policy.ts";
import { type Loaded, policyOptions, type Setup } from "../setup.ts";
import { openStore } from "../stores/open.ts";
import { StoreError } from "../stores/store.ts";
import { unavailableStore } from "../stores/unavailable.ts";
import { formatEndpoint } from "../units.ts";

/** How long, in milliseconds, requests in flight may take after SIGTERM: well under 5 s in all. */
const shutdownMilliseconds = 4000;

/**
 * Serves until the peer or a signal ends it. Rejects when it cannot start.
 *
 * @param load reads everything again, for a reload
 */
export async function serve(setup: Setup, log: Log, load: () => Promise<Loaded>): Promise<void> {
  const { config, secrets } = setup;
  const now = () => Date.now() / 1000;
  const store = await openStore(config.store, {
    timeoutMs: config.storeTimeout * 1000,
    observer: log,
    clock: now,
    memoryEntries: config.memoryEntries,
    ...(secrets.memcached === undefined ? {} : { auth: secrets.memcached }),
  }).catch((error) => {
    // A daemon that cannot start is seen by whoever starts it; of a child of spawn(8) Postfix would only
    // see that it does not answer, and hold the mail.
    if (config.mode !== "spawn" || !(error instanceof StoreError)) throw error;
    log.down(config.store.kind, error.message);
    return unavailableStore(config.store.kind, error.message);
  });
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
    if (config.mode === "spawn") {
      const { serveSpawn } = await import("../spawn.ts");
      await serveSpawn(connections);
      return;
    }
    const { startDaemon } = await import("../daemon.ts");
    const daemon = await startDaemon({
      ...connections,
      listen: config.listen,
      maxConnections: config.maxConnections,
    });
    const stopReloading = await reloadOnDemand(setup, log, load, (next) => {
      policy = createPolicy(policyOptions(next), parts);
    });
    log.listening(daemon.endpoints.map(formatEndpoint), store.name);
    log.stopping(await signalled("SIGTERM", "SIGINT"));
    stopReloading();
    await daemon.shutdown(shutdownMilliseconds);
    log.stopped();
  } finally {
    await store.close();
  }
}

/** Gives every new setup to `take`, at SIGHUP and when a list changes. Gives the function that ends it. */
async function reloadOnDemand(
  setup: Setup,
  log: Log,
  load: () => Promise<Loaded>,
  take: (next: Setup) => void,
): Promise<() => void> {
  const { reload, watchFiles } = await import("../reload.ts");
  let current = setup, running = Promise.resolve();
  // One after the other: the last one asked for is the last one taken.
  const again = () => {
    running = running.then(async () => {
      const next = await reload(current, load, log);
      if (next !== undefined) take(current = next);
    }).catch((error) => log.internalError(error));
  };
  process.on("SIGHUP", again);
  const stopWatching = watchFiles(() => listFiles(current.config), again);
  return () => {
    process.off("SIGHUP", again);
    stopWatching();
  };
}

function signalled(...signals: NodeJS.Signals[]): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of signals) process.once(signal, () => resolve(signal));
  });
}
