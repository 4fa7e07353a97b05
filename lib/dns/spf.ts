/**
 * What a sender's domain says of a client: SPF (RFC 7208), and whether the domain vouches for it (vouching.ts).
 * The one module that names mailauth, which does the RFC's part; 60 ms to load, so only who needs SPF does.
 *
 * - It never fails and never hangs: what is wrong is a result, and at the end of the time it is temperror.
 * - All that strangers' records make it do is bounded: the RFC's ten lookups and two void ones, the time,
 *   and what it reads in all: a record of thousands of terms would keep everybody waiting.
 * - The null sender is judged by its HELO (RFC 7208 section 2.4).
 * - A client at a private address passes through a gateway of our own: nothing can be said about it.
 */
import ipaddr from "ipaddr.js";
import { publicParts } from "../identity/client.ts";
import { spfDomain } from "../identity/sender.ts";
import { splitAddress } from "../identity/triplet.ts";
import { withoutOtherNetworks } from "./spf_networks.ts";
import { type Address, askedName, isSpfRecord } from "./spf_record.ts";
import { judgePass } from "./vouching.ts";

/**
 * Asks for the records of a name, as node:dns/promises does: in its shapes, and rejecting with its codes. Texts may
 * be byte strings.
 */
export type SpfLookup = (
  name: string,
  type: "TXT" | "MX" | "A" | "AAAA" | "PTR",
) => Promise<string[][] | { priority: number; exchange: string }[] | string[]>;

/** Who is judged; byte strings, as Postfix hands them over. */
export interface SpfSubject {
  /** client_address */
  readonly address: string;
  /** Whether the client's verified name is one that a provider gives; not having one is not generic. */
  readonly isGeneric: boolean;
  /** helo_name */
  readonly helo: string;
  readonly sender: string;
}

const results = [
  "pass",
  "fail",
  "softfail",
  "neutral",
  "none",
  "temperror",
  "permerror",
] as const;

export interface SpfVerdict {
  /** RFC 7208 section 2.6. */
  readonly result: (typeof results)[number];
  /** Whether the result is pass, and not everybody's (`+all`). */
  readonly isOwnPass: boolean;
  /** The domain that vouches for the client, in lower case and ASCII, without a dot at its end; if one does. */
  readonly vouches: string | undefined;
  /** For people to read; nothing of it is a stranger's text. */
  readonly why: string;
}

/** Judges a client. Never rejects; when the signal comes, the result is temperror at once. */
export type JudgeSpf = (
  subject: SpfSubject,
  lookup: SpfLookup,
  signal: AbortSignal,
) => Promise<SpfVerdict>;

/** No address of a mailbox is longer (RFC 5321 section 4.5.3.1.3: 256), not even those that mailing lists make. */
const longestSender = 512;

/**
 * How much is read for one judgement: characters of records, addresses and names. A record is to have no more
 * than 512 (RFC 7208 section 3.4), and eleven can be read. One of this length that includes itself keeps
 * mailauth at work for 11 ms.
 */
const mostRead = 8192;

/** Loads what is needed for judging; cheap from the second time on. */
export async function loadSpf(): Promise<JudgeSpf> {
  const { default: { spf } } = await import("mailauth/lib/spf/index.js");
  return (subject, lookup, signal) => judge(spf, subject, lookup, signal);
}

type Evaluate = typeof import("mailauth/lib/spf/index.js").spf;

async function judge(
  evaluate: Evaluate,
  { address, isGeneric, helo, sender }: SpfSubject,
  lookup: SpfLookup,
  signal: AbortSignal,
): Promise<SpfVerdict> {
  const parts = publicParts(address);
  if (parts === undefined) return without("none", "a private address");
  const client = parts.length === 4 ? new ipaddr.IPv4([...parts]) : new ipaddr.IPv6([...parts]);
  const domain = sender.length > longestSender ? undefined : spfDomain(sender, helo);
  if (domain === undefined) return without("none", "no domain to ask about");
  const { local } = splitAddress(sender);
  const asking = new Asking(client, lookup, signal);
  const evaluated = evaluate({
    sender: sender === "" ? "" : `${local}@${domain}`,
    ip: client.toString(),
    helo: sender === "" ? domain : helo.slice(0, longestSender), // no more than a macro
    mta: "unknown", // in explanations only, which nobody reads
    strict: true,
    resolver: asking.resolve,
  }).then(({ status }) => status.result, () => "temperror");
  const result = await Promise.race([evaluated, asking.late]);
  if (asking.hasReadTooMuch) return without("permerror", "records that are too long");
  if (result === "late") return without("temperror", "no answer in time");
  if (result !== "pass") return without(results.find((known) => known === result) ?? "temperror");
  const { vouches, passesAll, why } = judgePass(domain, client, isGeneric, asking);
  return { result, isOwnPass: !passesAll, vouches: vouches ? domain : undefined, why };
}

function without(result: SpfVerdict["result"], why: string = result): SpfVerdict {
  return { result, isOwnPass: false, vouches: undefined, why };
}

/** Asks what mailauth wants to know, within the limits, and keeps what vouching depends on. */
class Asking {
  readonly records = new Map<string, string>();
  readonly addresses = new Map<string, readonly string[]>();
  readonly exchanges = new Map<string, readonly string[]>();
  /** Settles when there is no time left, if that happens before it is no longer needed. */
  readonly late: Promise<"late">;
  #read = 0;

  constructor(
    private readonly client: Address,
    private readonly lookup: SpfLookup,
    private readonly signal: AbortSignal,
  ) {
    this.late = new Promise((resolve) => {
      if (signal.aborted) resolve("late");
      signal.addEventListener("abort", () => resolve("late"), { once: true });
    });
  }

  get hasReadTooMuch(): boolean {
    return this.#read > mostRead;
  }

  /** What mailauth is to see of an answer; of texts only those that are a record of SPF. */
  readonly resolve = async (name: string, type: string) => {
    if (this.signal.aborted || this.hasReadTooMuch) throw new Error("no more questions");
    const answer = await this.lookup(name, type as Parameters<SpfLookup>[1]);
    const asked = askedName(name);
    let texts: readonly string[];
    if (type === "TXT") {
      texts = (answer as string[][]).map((strings) => strings.join("")).filter(isSpfRecord);
      const [record] = texts;
      if (record !== undefined) this.records.set(asked, record);
    } else if (type === "MX") {
      texts = (answer as { exchange: string }[]).map(({ exchange }) => exchange);
      this.exchanges.set(asked, texts);
    } else {
      texts = answer as string[];
      if (type !== "PTR") this.addresses.set(asked, texts);
    }
    for (const text of texts) this.#read += text.length;
    if (this.hasReadTooMuch) throw new Error("too much to read");
    if (type === "TXT") return texts.map((text) => [withoutOtherNetworks(text, this.client)]);
    return answer as string[]; // mailauth's types know no MX records
  };
}
