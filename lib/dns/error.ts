/** Why a name was not found in DNS. */

/**
 * `ENOTFOUND`, `ENODATA`: there is none. The others say nothing about that: `ESERVFAIL`, `EREFUSED` the server's
 * word; `ETIMEOUT` no answer in time, or nobody waits for one any more.
 */
export type DnsErrorCode = "ENOTFOUND" | "ENODATA" | "ESERVFAIL" | "EREFUSED" | "ETIMEOUT";

/** A lookup that failed, with a code as node:dns/promises has it. */
export class DnsError extends Error {
  override readonly name = "DnsError";

  constructor(readonly code: DnsErrorCode, what: string) {
    super(`${code} ${what}`);
  }
}
