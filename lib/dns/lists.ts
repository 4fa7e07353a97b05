/**
 * Asking lists of addresses in DNS about a client. A list that answers nonsense, or that we may not ask, is told once
 * an hour; one that does not answer is no information.
 */
import { publicParts } from "../identity/client.ts";
import { DnsError } from "./error.ts";
import type { Lookup } from "./resolver.ts";
import { judge, nameIn, type Zone } from "./zones.ts";

const toldEverySeconds = 3600;

/** Told of a list that is of no use, and what it answered. */
export interface ListsObserver {
  dnsListUnusable(zone: string, why: string): void;
}

export class DnsLists {
  /** When each zone was told of last, in seconds. */
  readonly #told = new Map<string, number>();

  /** @param clock seconds of any clock that does not go back */
  constructor(private readonly observer: ListsObserver, private readonly clock: () => number) {}

  /**
   * The first of the zones that lists the client; all are asked side by side. A private address is on nobody's
   * list, and nobody else's business.
   */
  async find(
    zones: readonly Zone[],
    address: string,
    lookup: Lookup,
  ): Promise<Zone | undefined> {
    const parts = publicParts(address);
    if (parts === undefined) return undefined;
    const listings = await Promise.all(zones.map(async (zone) => {
      const listing = judge(zone, await addressesAt(nameIn(zone, parts), lookup));
      if (typeof listing !== "object") return listing;
      this.#tell(zone.name, listing.problem);
      return "not listed";
    }));
    return zones[listings.indexOf("listed")];
  }

  #tell(zone: string, why: string): void {
    const now = this.clock(), told = this.#told.get(zone);
    if (told !== undefined && now - told < toldEverySeconds) return;
    this.#told.set(zone, now);
    this.observer.dnsListUnusable(zone, why);
  }
}

/** None, too, when there is no answer. */
async function addressesAt(name: string, lookup: Lookup): Promise<readonly string[]> {
  try {
    return await lookup(name, "A");
  } catch (error) {
    if (error instanceof DnsError) return [];
    throw error;
  }
}
