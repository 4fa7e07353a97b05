/**
 * How the setting `store` is written, and nothing else: no name is looked up and no file touched here.
 *
 *     memory
 *     memcached:SERVER[,SERVER]…      SERVER = host[:port] | [IPv6][:port] | unix:/path, as in endpoint.ts
 *     sqlite:/path
 *
 * The port is 11211 when left out. Paths are absolute, because under spawn(8) the working directory
 * is Postfix's queue directory and not where the person who wrote the setting stood. A unix path
 * cannot hold a comma.
 */
import { type Endpoint, formatHostPort, parseHostPort, parseSocketPath } from "../endpoint.ts";

export type StoreAddress =
  | { readonly kind: "memory" }
  | { readonly kind: "memcached"; readonly servers: readonly Endpoint[] }
  | { readonly kind: "sqlite"; readonly path: string };

/** Memcached's own default, and IANA's assignment. */
const defaultPort = 11211;

/** How many entries the store memory may hold. */
export const memoryEntries = {
  /**
   * By default: about 65 MB when full. With 100,000 new mails a day that is the retry window of two days, where
   * clients have no name: one that is known by its name has two entries.
   */
  usual: 200_000,
  /** Half of the largest table that V8 gives a Map; beyond, a full store could fail instead of evicting. */
  most: 8_000_000,
} as const;

/** Reads a store address. Throws a RangeError that says what was wanted and what was given. */
export function parseStoreAddress(text: string): StoreAddress {
  const [, kind, rest] = /^(memory|memcached|sqlite)(?::(.*))?$/s.exec(text) ?? [];
  if (kind === "memory" && rest === undefined) return { kind };
  if (kind === "sqlite") return { kind, path: parseFile(rest ?? "") };
  if (kind === "memcached") return { kind, servers: parseServers(rest ?? "") };
  throw new RangeError(`want memory, memcached:host:port or sqlite:/path, got "${text}"`);
}

function parseFile(path: string): string {
  if (path.startsWith("/") && !path.endsWith("/") && !path.includes("\0")) return path;
  throw new RangeError(`want sqlite:/absolute/path of a file, got "sqlite:${path}"`);
}

function parseServers(text: string): Endpoint[] {
  const servers = text.split(",").map((part): Endpoint => {
    if (part.startsWith("unix:")) {
      return { kind: "unix", path: parseSocketPath(part.slice("unix:".length)) };
    }
    return { kind: "inet", ...parseHostPort(part, { lowest: 1, fallback: defaultPort }) };
  });
  const names = servers.map(formatServer);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) {
    throw new RangeError(`want each server once, got "${twice}" twice, in "${text}"`);
  }
  return servers;
}

/** As it is written in the setting; the port is always there. */
export function formatServer(server: Endpoint): string {
  return server.kind === "unix" ? `unix:${server.path}` : formatHostPort(server);
}
