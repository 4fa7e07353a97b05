/**
 * How the setting `store` is written, and nothing else: no name is looked up and no file touched here.
 *
 *     memory
 *     memcached:SERVER[,SERVER]…      SERVER = host[:port] | [IPv6][:port] | unix:/path
 *     sqlite:/path
 *
 * The port is 11211 when left out. Paths are absolute, because under spawn(8) the working directory
 * is Postfix's queue directory and not where the person who wrote the setting stood. A unix path
 * cannot hold a comma.
 */
import type { Endpoint } from "../endpoint.ts";

export type StoreAddress =
  | { readonly kind: "memory" }
  | { readonly kind: "memcached"; readonly servers: readonly Endpoint[] }
  | { readonly kind: "sqlite"; readonly path: string };

/** Memcached's own default, and IANA's assignment. */
const defaultPort = 11211;

/** sockaddr_un holds 108 bytes on Linux, the last one a NUL. */
const longestUnixPath = 107;

/** Reads a store address; throws a RangeError that names the part it could not read. */
export function parseStoreAddress(text: string): StoreAddress {
  const fail = (detail: string): never => {
    throw new RangeError(`${detail}, in "${text}"`);
  };
  const colon = text.indexOf(":");
  const kind = colon === -1 ? text : text.slice(0, colon);
  const rest = colon === -1 ? undefined : text.slice(colon + 1);
  switch (kind) {
    case "memory":
      if (rest !== undefined) fail(`unexpected ":${rest}", wanted "memory" alone`);
      return { kind: "memory" };
    case "sqlite":
      if (rest === undefined || rest === "") return fail(`path missing, wanted "sqlite:/path"`);
      if (!rest.startsWith("/")) {
        return fail(`path "${rest}" is relative, wanted an absolute one, as "sqlite:/path"`);
      }
      if (rest.includes("\0")) fail("path holds a NUL");
      if (rest.endsWith("/")) fail(`path "${rest}" is a directory's, wanted a file's`);
      return { kind: "sqlite", path: rest };
    case "memcached": {
      if (rest === undefined || rest === "") {
        return fail(`server missing, wanted "memcached:host:port", several with commas between`);
      }
      const servers = rest.split(",").map((part) => parseServer(part, fail));
      const names = new Set<string>();
      for (const name of servers.map(formatServer)) {
        if (names.has(name)) fail(`server "${name}" is there twice`);
        names.add(name);
      }
      return { kind: "memcached", servers };
    }
    default:
      return fail(
        `unknown kind "${kind}", wanted "memory", "memcached:host:port" or "sqlite:/path"`,
      );
  }
}

/** As it is written in the setting; the port is always there. */
export function formatServer(server: Endpoint): string {
  if (server.kind === "unix") return `unix:${server.path}`;
  const host = server.host.includes(":") ? `[${server.host}]` : server.host;
  return `${host}:${server.port}`;
}

function parseServer(part: string, fail: (detail: string) => never): Endpoint {
  if (part === "") fail("a server is empty, wanted one between two commas");
  if (part.startsWith("unix:")) {
    const path = part.slice("unix:".length);
    if (!path.startsWith("/")) fail(`server "${part}": wanted an absolute path, as "unix:/path"`);
    if (path.includes("\0")) fail("path holds a NUL");
    if (new TextEncoder().encode(path).length > longestUnixPath) {
      fail(`server "${part}": path too long, wanted ${longestUnixPath} bytes at most`);
    }
    return { kind: "unix", path };
  }
  if (part.startsWith("[")) {
    const match = /^\[([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9._-]+)?)\](?::(.*))?$/.exec(part);
    if (match === null) return fail(`server "${part}": wanted an IPv6 address, as "[::1]:11211"`);
    return { kind: "inet", host: match[1] ?? "", port: parsePort(part, match[2], fail) };
  }
  const [host = "", port, ...more] = part.split(":");
  if (more.length > 0) {
    return fail(`server "${part}": wanted brackets around an IPv6 address, as "[::1]:11211"`);
  }
  if (!/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?$/.test(host)) {
    return fail(`server "${part}": wanted a host name or an address, got "${host}"`);
  }
  return { kind: "inet", host, port: parsePort(part, port, fail) };
}

function parsePort(
  part: string,
  text: string | undefined,
  fail: (detail: string) => never,
): number {
  if (text === undefined) return defaultPort;
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) {
    fail(`server "${part}": port "${text}", wanted a number from 1 to 65535`);
  }
  return port;
}
