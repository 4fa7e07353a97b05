/** Counts what a store holds, by what it is and how old. Pure. */
import {
  decodeClient,
  decodeCorrespondent,
  decodeDomain,
  decodeSender,
  decodeTriplet,
} from "./records.ts";
import { decodeReleaseClient, decodeReleaseTriplet } from "./release.ts";

export const kindNames = [
  "waiting triplets",
  "passed triplets",
  "passed senders",
  "domains",
  "clients",
  "correspondents",
  "waiting in 0.1.0",
  "passed in 0.1.0",
  "clients of 0.1.0",
] as const;

export type KindName = (typeof kindNames)[number];

/** Each with the age below which it is one, in seconds. Age is since the first attempt, or the last use. */
const ages = [["<1h", 3600], ["<1d", 86_400], ["<7d", 604_800], ["older", Infinity]] as const;

export const ageNames = ages.map(([name]) => name);

interface Classified {
  readonly kind: KindName;
  /** UNIX seconds of its first attempt while it waits, else of its last use. */
  readonly at: number;
}

export class Census {
  readonly #counts = new Map<KindName, number[]>();
  /** The earliest of those that wait or were used, in UNIX seconds. */
  oldest: number | undefined;
  /** Those whose time is over. */
  expired = 0;
  /** Those with another prefix, and what cannot be read. */
  others = 0;

  constructor(private readonly prefix: string, private readonly now: number) {}

  /** @param expires UNIX seconds */
  add(key: string, value: string, expires: number): void {
    const found = key.startsWith(this.prefix) ? classify(value) : undefined;
    if (found === undefined) return void this.others++;
    if (expires <= this.now) return void this.expired++;
    const { kind, at } = found, counts = this.#counts.get(kind) ?? ages.map(() => 0);
    const age = ages.findIndex(([, below]) => this.now - at < below);
    counts[age] = (counts[age] ?? 0) + 1;
    this.#counts.set(kind, counts);
    if (this.oldest === undefined || at < this.oldest) this.oldest = at;
  }

  /** In the order of `ageNames`. */
  countsOf(kind: KindName): readonly number[] {
    return this.#counts.get(kind) ?? ages.map(() => 0);
  }

  inJson() {
    const entries = kindNames.map((kind) => {
      const counts = this.countsOf(kind);
      return [kind, Object.fromEntries(ageNames.map((name, i) => [name, counts[i]]))];
    });
    const { oldest, expired, others } = this;
    return { entries: Object.fromEntries(entries), oldest, expired, others };
  }
}

/** Each form has a first letter of its own. */
function classify(value: string): Classified | undefined {
  const triplet = decodeTriplet(value) ?? decodeReleaseTriplet(value);
  if (triplet !== undefined) {
    const isOurs = value.startsWith("t"), waits = triplet.state === "waiting";
    const kind = isOurs
      ? waits ? "waiting triplets" : "passed triplets"
      : waits
      ? "waiting in 0.1.0"
      : "passed in 0.1.0";
    return { kind, at: triplet.state === "waiting" ? triplet.first : triplet.seen };
  }
  const of = (kind: KindName, record: { readonly seen: number } | undefined) =>
    record && { kind, at: record.seen };
  return of("passed senders", decodeSender(value)) ?? of("domains", decodeDomain(value)) ??
    of("clients", decodeClient(value)) ?? of("correspondents", decodeCorrespondent(value)) ??
    of("clients of 0.1.0", decodeReleaseClient(value));
}
