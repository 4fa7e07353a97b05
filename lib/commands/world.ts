/**
 * What the world lacks that a configuration needs, as far as this user can find out without serving: whether
 * log, store, DNS and the sockets' folders can be used, and whether secrets are for our eyes only.
 *
 * Nothing that is found or made here lasts. It takes as long as store and DNS may take, store-timeout and
 * twice dns-timeout.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Setup } from "../config/load.ts";
import { asksDns } from "../config/sense.ts";
import type { Config } from "../config/settings.ts";
import type { Endpoint } from "../endpoint.ts";
import { whyNoFileIn } from "../files.ts";
import { checkLogTarget } from "../log/destinations.ts";
import { checkStore } from "../stores/check.ts";

/** A line for each thing that is not as it should be. */
export async function lacking({ config, secrets }: Setup): Promise<string[]> {
  const [log, dns, store] = await Promise.all([
    checkLogTarget(config.log),
    dnsOf(config),
    checkStore(config.store, {
      timeoutMilliseconds: config.storeTimeout * 1000,
      ...(secrets.memcached === undefined ? {} : { auth: secrets.memcached }),
    }),
  ]);
  const sockets = config.mode === "daemon" ? config.listen.map(lackingFor) : [];
  const found = [
    log && `log: ${log}`,
    store && `store: ${store}`,
    ...dns,
    ...sockets,
    ...shown(config),
  ];
  return found.filter((line) => line !== undefined);
}

/** What of DNS does not answer as it should. */
async function dnsOf(config: Config): Promise<string[]> {
  if (!asksDns(config)) return [];
  const { checkDns } = await import("../dns/check.ts");
  return await checkDns({
    servers: config.dnsServers,
    zones: [...config.dnswl, ...config.dnsbl],
    timeoutMilliseconds: config.dnsTimeout * 1000,
  });
}

/** What keeps a unix socket from being made. */
function lackingFor(endpoint: Endpoint): string | undefined {
  if (endpoint.kind !== "unix") return undefined;
  const why = isOther(endpoint.path)
    ? `${endpoint.path} is there, and is no socket`
    : whyNoFileIn(path.dirname(endpoint.path));
  return why && `listen: ${why}`;
}

function isOther(path: string): boolean {
  try {
    return !fs.lstatSync(path).isSocket();
  } catch {
    return false; // nothing is there, or out of reach, of which its folder tells more
  }
}

/** The secrets that everybody on this machine can get at. */
function shown(config: Config): string[] {
  const secrets = [
    ["key-secret-file", config.keySecretFile],
    ["memcached-auth-file", config.memcachedAuthFile],
  ] as const;
  return secrets.flatMap(([name, file]) => {
    const mode = file === undefined ? 0 : fs.statSync(file).mode & 0o777;
    if ((mode & 0o007) === 0) return [];
    const octal = mode.toString(8).padStart(4, "0");
    return [`${name}: ${file} is open to everybody (mode ${octal}), want 0640 or less`];
  });
}
