/**
 * What DNS is asked before somebody has to wait: whether a list knows the client for one that comes back anyway
 * (DNSWL), whether the sender's domain vouches for it (SPF), and, where only the suspicious wait, whether it is that.
 *
 * - Only mail that would otherwise be deferred gets here: what is known costs no question.
 * - All questions are asked side by side, within dns-timeout. No answer is no information: the mail then waits, or
 *   does not, as it would without that question.
 * - A client that looks suspicious is not looked up in dnsbl, which could say no more.
 * - Who passes here has proven nothing, and earns nothing.
 */
import type { Dns } from "../dns/open.ts";
import type { Lookup } from "../dns/resolver.ts";
import type { SpfVerdict } from "../dns/spf.ts";
import type { Zone } from "../dns/zones.ts";
import { placeOf } from "../lists/lines.ts";
import type { SenderList } from "../lists/senders.ts";
import type { Reason } from "../log/reasons.ts";
import { type Appearance, suspicionOf } from "./suspicion.ts";

export interface InquiryOptions {
  readonly onlySuspicious: boolean;
  readonly goodLists: readonly Zone[];
  /** They count only with onlySuspicious. */
  readonly badLists: readonly Zone[];
  /** Senders that do not wait where SPF passes their mail. */
  readonly senders: SenderList;
}

/** Who is asked about; byte strings. */
export interface Asked extends Appearance {
  readonly address: string;
  readonly sender: string;
}

export type Outcome =
  /** `entry` is the list's that decided. */
  | { readonly verdict: "pass"; readonly reason: Reason; readonly entry?: string }
  | {
    readonly verdict: "wait";
    readonly suspicion: string | undefined;
    /** The domain that vouches for the client: what stands under its name counts, too. */
    readonly vouching: string | undefined;
  };

/** Asks about a client. Rejects only because of a bug. */
export type Inquiry = (asked: Asked) => Promise<Outcome>;

/**
 * @param dns undefined: not to be asked, whatever the options say
 * @returns undefined where there is nothing to ask
 */
export function createInquiry(
  { onlySuspicious, goodLists, badLists, senders }: InquiryOptions,
  dns: Dns | undefined,
): Inquiry | undefined {
  const asksAlways = dns !== undefined && (goodLists.length > 0 || dns.judgeSpf !== undefined);
  if (!onlySuspicious && !asksAlways) return undefined;

  return async (asked) => {
    const looks = onlySuspicious ? suspicionOf(asked) : undefined;
    const zones = onlySuspicious && looks === undefined ? badLists : [];
    if (dns === undefined || (!asksAlways && zones.length === 0)) return conclude(looks);
    return await dns.resolver.ask((lookup, signal) =>
      askDns(dns, asked, { looks, zones, lookup, signal })
    );
  };

  async function askDns(
    { lists, judgeSpf }: Dns,
    asked: Asked,
    { looks, zones, lookup, signal }: {
      readonly looks: string | undefined;
      readonly zones: readonly Zone[];
      readonly lookup: Lookup;
      readonly signal: AbortSignal;
    },
  ): Promise<Outcome> {
    const { address, client, sender } = asked;
    const others = Promise.all([
      judgeSpf?.(
        {
          address,
          sender,
          helo: asked.helo ?? "",
          isGeneric: client.isGeneric && !client.isNameless,
        },
        lookup,
        signal,
      ),
      lists.find(zones, address, lookup),
    ]);
    others.catch(() => {}); // told below, or not at all, when that is not waited for
    const good = await lists.find(goodLists, address, lookup);
    if (good !== undefined) return { verdict: "pass", reason: { kind: "DNSWL" }, entry: good.text };
    const [spf, bad] = await others;
    const rule = spf?.isOwnPass ? senders.match(sender) : undefined;
    if (rule !== undefined) {
      return { verdict: "pass", reason: { kind: "sender whitelist (SPF)" }, entry: placeOf(rule) };
    }
    return conclude(looks ?? suspicionIn(spf) ?? (bad && `DNSBL (${bad.name})`), spf?.vouches);
  }

  function conclude(suspicion: string | undefined, vouching?: string): Outcome {
    if (!onlySuspicious) return { verdict: "wait", suspicion: undefined, vouching };
    if (suspicion === undefined) return { verdict: "pass", reason: { kind: "not suspicious" } };
    return { verdict: "wait", suspicion, vouching };
  }
}

function suspicionIn(spf: SpfVerdict | undefined): string | undefined {
  const { result } = spf ?? {};
  return result === "fail" || result === "softfail" ? `SPF ${result}` : undefined;
}
