/** IP addresses as Postfix writes them. Pure. */
import ipaddr from "ipaddr.js";
import { again } from "./recent.ts";

/** An address as ipaddr.js has it; an IPv4-mapped one is IPv4. Undefined for anything else. */
export function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const groups = groupsOf(text);
  if (groups === undefined) return undefined;
  if (groups.length === 8) return new ipaddr.IPv6([...groups]);
  return new ipaddr.IPv4(octetsOf(groups));
}

/** The groups of 16 bits of an address, two or eight. */
export type Groups = readonly number[];

/** The four octets of an IPv4 address. */
export function octetsOf([upper = 0, lower = 0]: Groups): number[] {
  return [upper >> 8, upper & 0xff, lower >> 8, lower & 0xff];
}

const octets = /^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})$/;
const leadingZero = /(?:^|[.:])0[0-9]+(?:\.|$)/;

/**
 * The groups of an address as Postfix writes it, or undefined for anything else: `unknown`, a zone, brackets, and
 * `010.0.0.1`, which is another address to everybody who reads it.
 */
export const groupsOf = again((text): Groups | undefined =>
  text.includes(".") && leadingZero.test(text) ? undefined : listedGroupsOf(text)
);

/**
 * The same of an address in a list, where leading zeros are decimal, as in postgrey: `010.0.0.1` is 10.0.0.1. IPv4 without
 * ipaddr.js, to which that is 8.0.0.1, and 0x7f.1 an address.
 */
export function listedGroupsOf(text: string): Groups | undefined {
  const match = octets.exec(text);
  if (match !== null) {
    const [a = 0, b = 0, c = 0, d = 0] = match.slice(1).map(Number);
    return Math.max(a, b, c, d) > 255 ? undefined : [a << 8 | b, c << 8 | d];
  }
  // 45 is the longest text form of an IPv6 address (with an IPv4 one in its last 32 bits).
  if (text.length > 45 || !text.includes(":") || text.includes("%")) return undefined;
  try {
    const { parts } = ipaddr.IPv6.parse(text);
    return isMapped(parts) ? parts.slice(6) : parts;
  } catch {
    return undefined; // how parse() says that this is no address; isValid() would parse twice
  }
}

function isMapped(parts: Groups): boolean {
  return parts[5] === 0xffff && parts.slice(0, 5).every((part) => part === 0);
}
