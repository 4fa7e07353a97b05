/**
 * The values that settings are written in, and their one spelling: durations as in main.cf
 * (postconf(5): `s`, `m`, `h`, `d`, `w`; and `ms`), sizes, and endpoints as Postfix spells them
 * (`inet:host:port`, `unix:/path`).
 *
 * Every parser throws a RangeError that says what was wanted and what was given. Pure.
 */

/** Where to listen, or what to connect to. */
export type Endpoint =
  | { readonly kind: "inet"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

const secondsPerUnit: Readonly<Record<string, number>> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
};

/** Reads `5m`, `500ms`, `2d` or a bare number of seconds. Gives seconds. */
export function parseDuration(text: string): number {
  const [, digits, unit] = /^(\d{1,9})\s?(ms|[smhdw]|)$/.exec(text) ?? [];
  if (digits === undefined) {
    throw new RangeError(`want a duration such as 500ms, 30s, 5m, 12h, 2d or 1w, got "${text}"`);
  }
  return Number(digits) * (secondsPerUnit[unit || "s"] ?? 1);
}

/** The shortest spelling that `parseDuration` reads back as the same number of seconds. */
export function formatDuration(seconds: number): string {
  if (!Number.isInteger(seconds)) return `${Math.round(seconds * 1000)}ms`;
  for (const unit of ["d", "h", "m"]) {
    const size = secondsPerUnit[unit] ?? 1;
    if (seconds !== 0 && seconds % size === 0) return `${seconds / size}${unit}`;
  }
  return `${seconds}s`;
}

/** Reads `65536`, `64k`, `64 KiB` or `1 MiB`. Gives bytes. */
export function parseSize(text: string): number {
  const [, digits, unit] = /^(\d{1,9})\s?(?:([km])(?:ib)?)?$/i.exec(text) ?? [];
  if (digits === undefined) {
    throw new RangeError(`want a size such as 65536, 64k or 1 MiB, got "${text}"`);
  }
  const bytesPerUnit = unit === undefined ? 1 : unit.toLowerCase() === "k" ? 1024 : 1024 ** 2;
  return Number(digits) * bytesPerUnit;
}

/** Reads a whole number from `lowest` to `highest`. */
export function parseInteger(text: string, lowest: number, highest: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (!(value >= lowest && value <= highest)) {
    throw new RangeError(`want a whole number from ${lowest} to ${highest}, got "${text}"`);
  }
  return value;
}

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
