/**
 * Addresses and networks: parsing, and a table that finds the longest network an address is in.
 *
 * - An address is two (IPv4) or eight (IPv6) groups of 16 bits. `::ffff:a.b.c.d` is a.b.c.d, so an
 *   IPv6 network shorter than /96 never holds an IPv4 address.
 * - The table has one Map for each prefix length in use: a lookup asks each of them once, whatever
 *   the number of entries.
 */
import { type Groups, groupsOf } from "../address.ts";
import type { Rule } from "./lines.ts";

export interface Network {
  readonly groups: Groups;
  readonly length: number;
}

const MAPPED_BITS = 96;

/** `address` or `address/length`; undefined for anything else. Bits behind the length do not count. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const groups = groupsOf(address);
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

interface Level {
  readonly length: number;
  readonly rules: Map<string, Rule>;
}

export class Prefixes {
  /** For each family the prefix lengths in use, longest first. */
  readonly #ipv4: Level[] = [];
  readonly #ipv6: Level[] = [];

  /** Adds a network. Of duplicates the first stays. */
  add({ groups, length }: Network, rule: Rule): void {
    const levels = groups.length === 2 ? this.#ipv4 : this.#ipv6;
    let level = levels.find((each) => each.length === length);
    if (level === undefined) {
      level = { length, rules: new Map() };
      levels.push(level);
      levels.sort((a, b) => b.length - a.length);
    }
    const key = keyOf(groups, length);
    if (!level.rules.has(key)) level.rules.set(key, rule);
  }

  /** The rule of the longest network that holds this address. */
  find(groups: Groups): Rule | undefined {
    for (const { length, rules } of groups.length === 2 ? this.#ipv4 : this.#ipv6) {
      const rule = rules.get(keyOf(groups, length));
      if (rule !== undefined) return rule;
    }
    return undefined;
  }
}

/** The first `length` bits as a string, one UTF-16 unit for every group or part of one. */
function keyOf(groups: Groups, length: number): string {
  const whole = length >> 4;
  let key = "";
  for (let i = 0; i < whole; i++) key += String.fromCharCode(groups[i] ?? 0);
  const rest = length & 15;
  if (rest > 0) key += String.fromCharCode((groups[whole] ?? 0) & (0xffff << (16 - rest)));
  return key;
}
