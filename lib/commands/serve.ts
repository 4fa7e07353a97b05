/** The command behind no command: serves Postfix, in the mode that the configuration names. */
import * as os from "node:os";
import process from "node:process";
import type { Secrets } from "../config.ts";
import { keysWith } from "../keys.ts";
import type { OpenLog } from "../log.ts";
import { createPolicy, type Policy, type PolicyOptions } from "../policy.ts";
import { deferralTemplate, headerTemplate } from "../reply.ts";
import type { Config } from "../settings.ts";
import { openStore } from "../stores/open.ts";
import { formatEndpoint } from "../units.ts";
import { version } from "../version.ts";

/** How long, in milliseconds, requests in flight may take after SIGTERM: well under 5 s in all. */
const shutdownMilliseconds = 4000;

/** Serves until the peer or a signal ends it. Rejects when it cannot start. */
export async function serve(config: Config, secrets: Secrets, { log }: OpenLog): Promise<void> {
  const store = await openStore(config.store, {
    timeoutMs: config.storeTimeout * 1000,
    observer: log,
    clock: () => Date.now() / 1000,
    memoryEntries: config.memoryEntries,
    ...(secrets.memcached === undefined ? {} : { auth: secrets.memcached }),
  });
  const policy = createPolicy(policyOptions(config, secrets), {
    store,
    log,
    now: () => Date.now() / 1000,
  });
  const connections = {
    policy: (): Policy => policy,
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
    log.listening(daemon.endpoints.map(formatEndpoint), store.name);
    log.stopping(await signalled("SIGTERM", "SIGINT"));
    await daemon.shutdown(shutdownMilliseconds);
    log.stopped();
  } finally {
    await store.close();
  }
}

function signalled(...signals: NodeJS.Signals[]): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of signals) process.once(signal, () => resolve(signal));
  });
}

function policyOptions(config: Config, secrets: Secrets): PolicyOptions {
  return {
    rules: {
      delaySeconds: config.delay,
      retryWindowSeconds: config.retryWindow,
      maxAgeSeconds: config.maxAge,
    },
    identifyBy: config.identifyBy,
    prefixes: { ipv4: config.ipv4Prefix, ipv6: config.ipv6Prefix },
    keyOf: keysWith(config.keyPrefix, secrets.key),
    storeTimeoutMilliseconds: config.storeTimeout * 1000,
    onStoreFailure: config.onStoreFailure,
    dryRun: config.dryRun,
    deferKeyword: config.action,
    deferText: deferralTemplate(config.action, config.text),
    header: config.header === undefined ? undefined : headerTemplate(config.header),
    version,
    hostname: os.hostname(),
  };
}
