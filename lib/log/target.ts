/** How the setting `log` is written. Pure. */

/** How a `log` setting reads. */
export type LogTarget =
  | { readonly kind: "stderr" | "none" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "syslog"; readonly path: string };

/** Where syslog(3) writes. */
export const syslogPath = "/dev/log";

/** Reads `syslog`, `syslog:/socket`, `stderr`, `file:/path` or `none`. Throws RangeError. */
export function parseLogTarget(text: string): LogTarget {
  if (text === "stderr" || text === "none") return { kind: text };
  if (text === "syslog") return { kind: "syslog", path: syslogPath };
  const [, kind, path] = /^(file|syslog):(\/.*)$/.exec(text) ?? [];
  if ((kind === "file" || kind === "syslog") && path !== undefined) return { kind, path };
  throw new RangeError(
    `want syslog, syslog:/socket, stderr, file:/absolute/path or none, got "${text}"`,
  );
}
