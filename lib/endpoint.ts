/**
 * Where a socket is, in Postfix's spelling: `inet:host:port`, `unix:/path`. The one grammar of both, for what is
 * listened on (`listen`) and what is connected to (`store`).
 *
 *     host:port      a name, or an address of IPv4
 *     [address]:port an address; one of IPv6 needs the brackets, and may have a zone behind %
 *     unix:/path     absolute, and no longer than the kernel takes
 *
 * Each parser throws a RangeError that says what was wanted and what was given. Pure.
 */
import { groupsOf } from "./address.ts";

/** Where to listen, or what to connect to. */
export type Endpoint =
  | { readonly kind: "inet"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** Which ports there may be. */
export interface Ports {
  /** 0, where the kernel may choose one, or 1. */
  readonly lowest: 0 | 1;
  /** When none is named; undefined: one has to be. */
  readonly fallback?: number;
}

/** sockaddr_un holds 108 bytes on Linux (unix(7)), the last one a NUL. */
const longestPathBytes = 107;

/** Reads `inet:127.0.0.1:10023`, `inet:[::1]:10023`, `inet:mail.example.com:10023` or `unix:/path`. */
export function parseEndpoint(text: string): Endpoint {
  const colon = text.indexOf(":");
  const kind = text.slice(0, colon), rest = text.slice(colon + 1);
  if (kind === "unix") return { kind, path: parseSocketPath(rest) };
  if (kind === "inet") return { kind, ...parseHostPort(rest, { lowest: 0 }) };
  throw new RangeError(`want inet:host:port or unix:/path, got "${text}"`);
}

/** Reads what is behind `unix:`. */
export function parseSocketPath(text: string): string {
  if (!text.startsWith("/")) throw new RangeError(`want unix:/absolute/path, got "unix:${text}"`);
  if (text.includes("\0")) throw new RangeError(`want a path without NUL, got "${text}"`);
  const { length } = new TextEncoder().encode(text);
  if (length > longestPathBytes) {
    throw new RangeError(
      `want a socket path of at most ${longestPathBytes} bytes, got ${length}: "${text}"`,
    );
  }
  return text;
}

/** Reads a host and a port. */
export function parseHostPort(text: string, ports: Ports): { host: string; port: number } {
  const form = ports.fallback === undefined ? "host:port" : "host or host:port";
  const wanted = `${form}, with an IPv6 address in brackets`;
  const [, inBrackets, name, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(text) ??
    [];
  const host = inBrackets ?? name ?? "";
  const isHost = inBrackets === undefined ? isName(host) : isAddress(host);
  if (!isHost) throw new RangeError(`want ${wanted}, got "${text}"`);
  const port = digits === undefined ? ports.fallback : /^\d+$/.test(digits) ? Number(digits) : -1;
  if (port === undefined || port < ports.lowest || port > 65_535) {
    const range = `from ${ports.lowest} to 65535`;
    throw new RangeError(`want ${wanted}, with a port ${range}, got "${text}"`);
  }
  return { host, port };
}

/** A name that could be looked up, or four numbers. */
function isName(host: string): boolean {
  return /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?$/.test(host);
}

function isAddress(host: string): boolean {
  const [, address = "", zone] = /^([^%]*)(?:%(.*))?$/s.exec(host) ?? [];
  return groupsOf(address) !== undefined &&
    (zone === undefined || address.includes(":") && /^[A-Za-z0-9._-]+$/.test(zone));
}

/** The spelling that `parseEndpoint` reads. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === "unix") return `unix:${endpoint.path}`;
  return `inet:${formatHostPort(endpoint)}`;
}

/** The spelling that `parseHostPort` reads. */
export function formatHostPort(at: { readonly host: string; readonly port: number }): string {
  return `${at.host.includes(":") ? `[${at.host}]` : at.host}:${at.port}`;
}

/** By which addresses of this host a listener is reached. IPv6 may be switched off, also on the loopback. */
export function reachableHosts(host: string): readonly string[] {
  const places = { "::": ["::1", "127.0.0.1"], "0.0.0.0": ["127.0.0.1"], specific: [host] };
  return places[wildcard(host) ?? "specific"];
}

/** Which wildcard address a host is, in whatever spelling; undefined for all others. */
export function wildcard(host: string): "::" | "0.0.0.0" | undefined {
  if (/^[0:]*:[0:]*$/.test(host)) return "::";
  return /^0+(?:\.0+){0,3}$/.test(host) ? "0.0.0.0" : undefined;
}
