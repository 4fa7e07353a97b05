/**
 * Where a socket is, in Postfix's spelling: `inet:host:port`, `unix:/path`.
 *
 * The parser throws a RangeError that says what was wanted and what was given. Pure.
 */

/** Where to listen, or what to connect to. */
export type Endpoint =
  | { readonly kind: "inet"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** Reads `inet:127.0.0.1:10023`, `inet:[::1]:10023`, `inet:mail.example.com:10023` or `unix:/path`. */
export function parseEndpoint(text: string): Endpoint {
  const colon = text.indexOf(":");
  const kind = text.slice(0, colon), rest = text.slice(colon + 1);
  if (kind === "unix") return { kind: "unix", path: parseSocketPath(rest) };
  if (kind === "inet") return { kind: "inet", ...parseHostPort(rest) };
  throw new RangeError(`want inet:host:port or unix:/path, got "${text}"`);
}

/** Reads an absolute path short enough for a unix socket (unix(7): 108 bytes with the final NUL). */
export function parseSocketPath(text: string): string {
  if (!text.startsWith("/")) throw new RangeError(`want unix:/absolute/path, got "unix:${text}"`);
  if (text.length > 107) {
    throw new RangeError(`want a socket path of at most 107 bytes, got ${text.length}: "${text}"`);
  }
  return text;
}

/** Reads `host:port`; an IPv6 address goes in brackets. */
function parseHostPort(text: string): { host: string; port: number } {
  const [, v6, name, portText] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+))(?::(\d*))?$/.exec(text) ??
    [];
  const host = v6 ?? name;
  const wanted = "host:port, with an IPv6 address in brackets";
  if (host === undefined) throw new RangeError(`want ${wanted}, got "${text}"`);
  const port = portText ? Number(portText) : NaN;
  if (!(port <= 65_535)) {
    throw new RangeError(`want ${wanted}, with a port from 0 to 65535, got "${text}"`);
  }
  return { host, port };
}

/** The spelling that `parseEndpoint` reads. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === "unix") return `unix:${endpoint.path}`;
  const host = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
  return `inet:${host}:${endpoint.port}`;
}

/** Which wildcard address a host is, in whatever spelling; undefined for all others. */
export function wildcard(host: string): "::" | "0.0.0.0" | undefined {
  if (/^[0:]*:[0:]*$/.test(host)) return "::";
  return /^0+(?:\.0+){0,3}$/.test(host) ? "0.0.0.0" : undefined;
}
