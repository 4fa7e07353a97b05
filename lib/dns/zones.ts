/**
 * Lists of addresses in DNS (RFC 5782): how settings name them, under which name an address is looked up in one,
 * and what an answer means. Pure.
 *
 * - One that says who is good (DNSWL), with the least trust in the last octet: `list.dnswl.org>=1`. Its answers are
 *   in 127.0.0.0/16; 127.0.0.255 says that we have asked too often (dnswl.org).
 * - One that says who is bad (DNSBL), with codes in Postfix's spelling (postconf(5), reject_rbl_client):
 *   `zen.example.org=127.0.0.[4..11]`, each octet a number, or numbers and ranges parted by `;` in brackets. Without
 *   a code any in 127.0.0.0/8 will do. 127.255.255.x is an error (Spamhaus, and others like it).
 * - One record that the list cannot have meant spoils the answer: a zone that was given up answers everything
 *   with an advertiser's address.
 */
import { hostName } from "../identity/host_name.ts";

/** Which values an octet may have. */
type Octet = readonly (readonly [lowest: number, highest: number])[];

export interface Zone {
  /** Whether it lists the good, or the bad. */
  readonly lists: "good" | "bad";
  readonly name: string;
  readonly codes: readonly Octet[];
  /** How the setting spells it. */
  readonly text: string;
}

/** What a list says of an address. */
export type Listing =
  | "listed"
  | "not listed"
  /** Nothing: we may not ask it, or it is no such list any more. */
  | { readonly problem: string };

const any: Octet = [[0, 255]];

/** Reads `list.dnswl.org` or `list.dnswl.org>=1`. Throws a RangeError that says what was wanted. */
export function parseAllowZone(text: string): Zone {
  const [, name = "", least = "0"] = /^([^>=]*)(?:>=([0-9]{1,3}))?$/.exec(text) ?? [];
  const lowest = Number(least);
  if (!isZone(name) || lowest > 254) {
    throw new RangeError(
      `want a domain, with the least trust behind >= if there is one, as list.dnswl.org>=1, got "${text}"`,
    );
  }
  return { lists: "good", name, codes: [[[127, 127]], [[0, 0]], any, [[lowest, 254]]], text };
}

/** Reads `zen.example.org` or `zen.example.org=127.0.0.[4..11]`. Throws as above. */
export function parseBlockZone(text: string): Zone {
  const at = text.indexOf("=");
  const name = at === -1 ? text : text.slice(0, at);
  const codes = at === -1 ? [[[127, 127]] as const, any, any, any] : parseCodes(text.slice(at + 1));
  if (!isZone(name) || codes === undefined) {
    throw new RangeError(
      `want a domain, with codes as Postfix has them, as zen.example.org=127.0.0.[4..11], got "${text}"`,
    );
  }
  return { lists: "bad", name, codes, text };
}

/** A name that leaves room for the nibbles of an IPv6 address before it, within 253 bytes. */
function isZone(name: string): boolean {
  return name.includes(".") && name.length <= 253 - 64 && hostName(name) === name &&
    /^[!-~]+$/.test(name) && name.split(".").every((label) => label.length <= 63);
}

function parseCodes(text: string): readonly Octet[] | undefined {
  const parts = text.match(/\[[^\]]*\]|[^.[\]]+|\.(?=\.)|^\.|\.$/g) ?? [];
  if (parts.length !== 4 || parts.join(".") !== text) return undefined;
  const octets = parts.map(parseOctet);
  return octets.every((octet) => octet !== undefined) ? octets : undefined;
}

function parseOctet(text: string): Octet | undefined {
  const inside = /^\[(.+)\]$/.exec(text)?.[1];
  const ranges = inside === undefined ? [text] : inside.split(";");
  const octet: (readonly [number, number])[] = [];
  for (const range of ranges) {
    const [, low, , high] = /^([0-9]{1,3})(\.\.([0-9]{1,3}))?$/.exec(range) ?? [];
    if (low === undefined || (inside === undefined && high !== undefined)) return undefined;
    const lowest = Number(low), highest = Number(high ?? low);
    if (highest > 255 || lowest > highest) return undefined;
    octet.push([lowest, highest]);
  }
  return octet;
}

/**
 * The name under which a list has an address.
 *
 * @param parts the four octets, or the eight groups, of the address
 */
export function nameIn(zone: Zone, parts: readonly number[]): string {
  const labels = parts.length === 4
    ? parts.map(String)
    : parts.flatMap((group) => [...group.toString(16).padStart(4, "0")]);
  return `${labels.reverse().join(".")}.${zone.name}`;
}

/** What the A records at that name say. */
export function judge(zone: Zone, addresses: readonly string[]): Listing {
  const problem = addresses.find((address) => isProblem(zone, address));
  if (problem !== undefined) return { problem: `it answered ${problem}` };
  const isListed = addresses.some((address) => {
    const octets = octetsOf(address);
    return zone.codes.every((code, i) => {
      const octet = octets[i] ?? -1;
      return code.some(([lowest, highest]) => octet >= lowest && octet <= highest);
    });
  });
  return isListed ? "listed" : "not listed";
}

/** Whether an A record is one that such a list cannot mean. */
export function isProblem({ lists }: Zone, address: string): boolean {
  const [a, b, c, d] = octetsOf(address);
  if (lists === "good") return a !== 127 || b !== 0 || (c === 0 && d === 255);
  return a !== 127 || (b === 255 && c === 255);
}

function octetsOf(address: string): readonly number[] {
  return address.split(".").map(Number);
}
