/**
 * Why a request was decided as it was: data, which is put into words here and nowhere else. Pure.
 *
 * The kinds are few, so that a counter for each is possible; they are postgrey's words where postgrey has them.
 */

/** Everything that can decide about a mail. */
export const reasonKinds = [
  "new",
  "early-retry",
  "triplet found",
  "client whitelist",
  "sender whitelist",
  "sender whitelist (SPF)",
  "recipient whitelist",
  "recipient not greylisted",
  "client AWL",
  "sender AWL",
  "domain AWL",
  "correspondent",
  "DNSWL",
  "not suspicious",
  "client address unknown",
  "store failure",
] as const;

export type ReasonKind = (typeof reasonKinds)[number];

export type Reason =
  | { readonly kind: Exclude<ReasonKind, "early-retry"> }
  | {
    readonly kind: "early-retry";
    /** Seconds until a retry passes. */
    readonly missing: number;
  };

/** Why there is nothing to decide about a request. */
export type NotAsked = "not at RCPT" | "authenticated client";

/** The field `reason` of a decision. */
export function reasonInWords(reason: Reason): string {
  return reason.kind === "early-retry" ? `early-retry (${reason.missing}s missing)` : reason.kind;
}
