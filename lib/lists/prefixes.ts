/**
 * Addresses and networks: parsing, and a table that finds the longest network an address is in.
 *
 * - An address is two (IPv4) or eight (IPv6) groups of 16 bits. `::ffff:a.b.c.d` is a.b.c.d, so an
 *   IPv6 network shorter than /96 never holds an IPv4 address.
 * - A lookup asks once for each prefix length in use, whatever the number of entries.
 */
import { type Groups, listedGroupsOf } from "../address.ts";
import { Places } from "./places.ts";

export interface Network {
  readonly groups: Groups;
  readonly length: number;
}

const MAPPED_BITS = 96;

/** `address` or `address/length`; undefined for anything else. Bits behind the length do not count. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const groups = listedGroupsOf(address);
  if (groups === undefined) return undefined;
  const bits = groups.length * 16;
  if (slash < 0) return { groups, length: bits };
  const digits = text.slice(slash + 1);
  if (!/^[0-9]{1,3}$/.test(digits)) return undefined;
  const length = Number(digits);
  // The length of a mapped network counts from the first of 128 bits.
  if (groups.length === 2 && address.includes(":")) {
    if (length > 128) return undefined;
    return length >= MAPPED_BITS
      ? { groups, length: length - MAPPED_BITS }
      : { groups: [0, 0, 0, 0, 0, 0xffff, ...groups], length };
  }
  return length > bits ? undefined : { groups, length };
}

/** Networks, and the places where they are listed. */
export class Prefixes {
  readonly #places: Places;
  /** For each family the prefix lengths in use, longest first. */
  readonly #ipv4: number[] = [];
  readonly #ipv6: number[] = [];

  /** @param networkAt the network that was added with a place */
  constructor(networkAt: (place: number) => Network | undefined) {
    this.#places = new Places((place) => {
      const network = networkAt(place);
      return network === undefined ? "" : keyOf(network.groups, network.length);
    });
  }

  /** Adds a network. Of duplicates the first stays. */
  add({ groups, length }: Network, place: number): void {
    const lengths = groups.length === 2 ? this.#ipv4 : this.#ipv6;
    if (!lengths.includes(length)) {
      lengths.push(length);
      lengths.sort((a, b) => b - a);
    }
    this.#places.add(keyOf(groups, length), place);
  }

  /** The place of this very network. */
  findExactly({ groups, length }: Network): number | undefined {
    return this.#places.find(keyOf(groups, length));
  }

  /** The place of the longest network that holds this address, among those that are shorter. */
  find(groups: Groups, shorterThan = Infinity): number | undefined {
    for (const length of groups.length === 2 ? this.#ipv4 : this.#ipv6) {
      if (length >= shorterThan) continue;
      const place = this.#places.find(keyOf(groups, length));
      if (place !== undefined) return place;
    }
    return undefined;
  }
}

/** Family, length, and the first `length` bits as a string, a UTF-16 unit for every group or part of one. */
function keyOf(groups: Groups, length: number): string {
  const whole = length >> 4;
  let key = String.fromCharCode(groups.length, length);
  for (let i = 0; i < whole; i++) key += String.fromCharCode(groups[i] ?? 0);
  const rest = length & 15;
  if (rest > 0) key += String.fromCharCode((groups[whole] ?? 0) & (0xffff << (16 - rest)));
  return key;
}
