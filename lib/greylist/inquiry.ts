/**
 * What is asked before somebody has to wait: whether a list in DNS knows the client for one that comes back anyway
 * (DNSWL), and, where only the suspicious wait, whether it is suspicious.
 *
 * - Only mail that would otherwise be deferred gets here: what is known costs no question.
 * - All questions are asked side by side, within dns-timeout. No answer is no information: the mail then waits, or does not,
 *   as it would without that question.
 * - A client that looks suspicious is not looked up in dnsbl, which could say no more.
 * - Who passes here has proven nothing, and earns nothing.
 */
import type { Dns } from "../dns/open.ts";
import type { Lookup } from "../dns/resolver.ts";
import type { Zone } from "../dns/zones.ts";
import { type Appearance, suspicionOf } from "./suspicion.ts";

export interface InquiryOptions {
  readonly onlySuspicious: boolean;
  readonly goodLists: readonly Zone[];
  /** They count only with onlySuspicious. */
  readonly badLists: readonly Zone[];
}

/** Who is asked about: what is seen of it, and its address. */
export interface Asked extends Appearance {
  readonly address: string;
}

export type Outcome =
  | { readonly verdict: "pass"; readonly reason: string }
  /** As it was decided without asking. */
  | { readonly verdict: "wait"; readonly suspicion: string | undefined };

/** Asks about a client. Rejects only because of a bug. */
export type Inquiry = (asked: Asked) => Promise<Outcome>;

/**
 * @param dns undefined: not to be asked, whatever the options say
 * @returns undefined where there is nothing to ask
 */
export function createInquiry(
  { onlySuspicious, goodLists, badLists }: InquiryOptions,
  dns: Dns | undefined,
): Inquiry | undefined {
  if (!onlySuspicious && (dns === undefined || goodLists.length === 0)) return undefined;

  return (asked) => {
    const suspicion = onlySuspicious ? suspicionOf(asked) : undefined;
    const zones = onlySuspicious && suspicion === undefined ? badLists : [];
    if (dns === undefined || goodLists.length + zones.length === 0) {
      return Promise.resolve(conclude(suspicion));
    }
    return dns.resolver.ask((lookup) => askLists(dns, asked, suspicion, zones, lookup));
  };

  async function askLists(
    { lists }: Dns,
    { address }: Asked,
    suspicion: string | undefined,
    zones: readonly Zone[],
    lookup: Lookup,
  ): Promise<Outcome> {
    const asked = lists.find(zones, address, lookup);
    asked.catch(() => {}); // told below, or not at all, when that is not waited for
    const good = await lists.find(goodLists, address, lookup);
    if (good !== undefined) return { verdict: "pass", reason: `DNSWL (${good.name})` };
    const bad = await asked;
    return conclude(suspicion ?? (bad && `DNSBL (${bad.name})`));
  }

  function conclude(suspicion: string | undefined): Outcome {
    if (onlySuspicious && suspicion === undefined) {
      return { verdict: "pass", reason: "not suspicious" };
    }
    return { verdict: "wait", suspicion };
  }
}
