/**
 * Whether a host's name was made from its address, as access and hosting providers name their customers.
 *
 * IPv4: the four octets as numbers of their own anywhere, in any order, padded or not; all twelve padded digits;
 * eight hexadecimal digits; all octets run together, from nine digits on; the decimal number. All but the last
 * either way round, and with `.`, `-` or `_` between their parts. Or any IPv4 address: a provider's
 * name for another of the host's addresses.
 * IPv6: half of the nibbles, either way round; three groups side by side, padded or not.
 */

/** The octets of an IPv4 address, or the groups of an IPv6 one. */
export type Parts = readonly number[];

/** What of the address is in the name, for people to read; undefined if the name was not made from it. */
export function addressInName(name: string, parts: Parts): string | undefined {
  const numbers = numbersIn(name);
  if (numbers.length >= 4 && ANY_IPV4.test(name)) return "an address";
  return parts.length === 4 ? ipv4InName(name, numbers, parts) : ipv6InName(name, parts);
}

/** Whether three octets of an IPv4 address stand side by side in a name, the fourth being written otherwise. */
export function mostOfAddressIn(name: string, parts: Parts): boolean {
  return parts.length === 4 && hasRun(numbersIn(name), parts, 3);
}

/** Whether two neighbouring parts of the address stand side by side in a text, either way. */
export function halfAddressIn(text: string, parts: Parts): boolean {
  if (parts.length === 4) return hasRun(numbersIn(text), parts, 2);
  return hasRun(groupsIn(text), parts, 2);
}

/** Whether the last part of the address, if it is not a small number, is a number of its own in a text. */
export function lastPartIn(text: string, parts: Parts): boolean {
  const last = parts.at(-1) ?? 0;
  if (parts.length === 4) return last >= 10 && numbersIn(text).includes(last);
  return last >= 0x1000 && groupsIn(text).includes(last);
}

const OCTET = "(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]{1,2})";
const ANY_IPV4 = new RegExp(`(?<![0-9])(?:${OCTET}[.x_-]){3}${OCTET}(?![0-9])`);

function ipv4InName(name: string, numbers: readonly number[], octets: Parts): string | undefined {
  const rest = [...numbers];
  if (rest.length >= 4 && octets.every((octet) => take(rest, octet))) return "its octets";
  const joined = name.replace(/[._-]/g, "");
  if (!/[0-9a-f]{8}/.test(joined)) return undefined; // all that follows is as long
  const reversed = [...octets].reverse();
  for (const order of [octets, reversed]) {
    if (joined.includes(order.map((octet) => pad(octet, 10, 3)).join(""))) return "its octets";
    if (joined.includes(order.map((octet) => pad(octet, 16, 2)).join(""))) return "its octets";
    const together = order.join("");
    if (together.length >= 9 && joined.includes(together)) return "its octets";
  }
  const number = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  return numbers.includes(number) ? "its number" : undefined;
}

function ipv6InName(name: string, groups: Parts): string | undefined {
  if (hasRun(groupsIn(name), groups, 3)) return "its groups";
  const joined = name.replace(/[._-]/g, "");
  const nibbles = groups.map((group) => pad(group, 16, 4)).join("");
  for (const order of [nibbles, [...nibbles].reverse().join("")]) {
    if (joined.includes(order.slice(0, 16)) || joined.includes(order.slice(16))) {
      return "its nibbles";
    }
  }
  return undefined;
}

/** Whether so many neighbouring parts stand side by side, either way, and are no series such as 0, 0, 0. */
function hasRun(numbers: readonly number[], parts: Parts, length: number): boolean {
  for (let from = 0; from + length <= parts.length; from++) {
    const wanted = parts.slice(from, from + length);
    if (parts.length === 8 && wanted.filter((group) => group > 0xf).length < 2) continue;
    for (let at = 0; at + length <= numbers.length; at++) {
      if (wanted.every((part, i) => numbers[at + i] === part)) return true;
      if (wanted.every((part, i) => numbers[at + length - 1 - i] === part)) return true;
    }
  }
  return false;
}

function take(numbers: number[], wanted: number): boolean {
  const at = numbers.indexOf(wanted);
  if (at === -1) return false;
  numbers.splice(at, 1);
  return true;
}

function numbersIn(text: string): number[] {
  return (text.match(/[0-9]+/g) ?? []).map(Number);
}

/** What could be groups of an IPv6 address: up to four hexadecimal digits that end a part of the name. */
function groupsIn(text: string): number[] {
  return text.split(/[._-]/).map((part) => parseInt(GROUP.exec(part)?.[0] ?? "", 16));
}

const GROUP = /(?<![0-9a-f])[0-9a-f]{1,4}$/;

function pad(number: number, radix: number, digits: number): string {
  return number.toString(radix).padStart(digits, "0");
}
