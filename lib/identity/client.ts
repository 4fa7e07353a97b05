/**
 * Who a client is: what Postfix's client_name and client_address say. A verified name may say that it is one
 * host or one of a group (name.ts); else it is its whole address, because a neighbour there is a stranger.
 *
 * "Whole" is /32 of IPv4 and /64 of IPv6, which is the least that one customer gets (RFC 6177). An address
 * that carries an IPv4 one counts as that: IPv4-mapped, NAT64 (`64:ff9b::/96`, RFC 6052), 6to4 (RFC 3056).
 *
 * An identity is a text that begins with its kind, so that no two kinds fall together: `a:` an address, `n:` a
 * name, `m:` the mailers of a domain, `g:` a group of numbered hosts.
 */
import { groupsOf, octetsOf } from "../address.ts";
import { hostName } from "./host_name.ts";
import { isInMailNetwork, judgeName, type NameVerdict } from "./name.ts";

export interface Client {
  /** What it is known as. */
  readonly kind: "address" | "name" | "mailers" | "hosts";
  /** Under which its records are kept, such as `m:firma.example`. */
  readonly identity: string;
  /** The identity of its whole address: the same for kind "address". */
  readonly addressIdentity: string;
  /** Whether its name is one that a provider gives (steps 1 to 4 and 7), or there is none. */
  readonly isGeneric: boolean;
  /** Whether it has no verified name. */
  readonly isNameless: boolean;
  /** Whether it looks like a provider's customer: no name, or a generic one outside a network of mailers. */
  readonly looksLikeCustomer: boolean;
  /** Whether its address is a private one, behind which there may be many clients. */
  readonly isPrivate: boolean;
  /** The registrable domain of its name; undefined without a name, or where that has none. */
  readonly domain: string | undefined;
  /** Which of the nine steps decided, and on what, for people to read. */
  readonly step: NameVerdict["step"];
  readonly reason: string;
}

/**
 * @param name Postfix's client_name: verified, or `unknown`; anything else is taken for no name
 * @param address Postfix's client_address
 * @returns undefined where the address is none
 */
export function identifyClient(name: string, address: string): Client | undefined {
  const parts = partsOf(address);
  if (parts === undefined) return undefined;
  const host = name === "unknown" ? undefined : hostName(name);
  const verdict = judgeName(host, parts);
  const { step, reason, domain } = verdict;
  const isGeneric = step <= 4 || step === 7;
  const isMailer = host !== undefined && domain !== undefined && isInMailNetwork(host, domain);
  const addressIdentity = `a:${networkOf(parts)}`;
  return {
    ...kindAndIdentity(verdict, addressIdentity),
    addressIdentity,
    isGeneric,
    isNameless: host === undefined,
    looksLikeCustomer: isGeneric && !isMailer,
    isPrivate: isPrivateNetwork(parts),
    domain,
    step,
    reason,
  };
}

/**
 * The identity that earns trust in a sender's domain: the mailers or the name only where they are that
 * domain's own. Everybody's mail comes through a provider's mailers, so elsewhere it is the address.
 *
 * @param senderDomain as senderDomain() gives it
 */
export function domainScope(client: Client, senderDomain: string): string {
  const isOwn = client.domain === senderDomain &&
    (client.kind === "mailers" || client.kind === "name");
  return isOwn ? client.identity : client.addressIdentity;
}

/**
 * Whether an address is a private one: RFC 1918, 100.64/10 (RFC 6598), loopback, link-local, fc00::/7 (RFC
 * 4193); of an address that carries an IPv4 one, that. False for no address.
 */
export function isPrivate(address: string): boolean {
  const parts = partsOf(address);
  return parts !== undefined && isPrivateNetwork(parts);
}

/**
 * The four octets, or the eight groups, of an address by which others may know it; of the IPv4 address inside, if there
 * is one. Undefined for a private address, and for none.
 */
export function publicParts(address: string): readonly number[] | undefined {
  const parts = partsOf(address);
  return parts === undefined || isPrivateNetwork(parts) ? undefined : parts;
}

function kindAndIdentity(
  { says, text }: NameVerdict,
  addressIdentity: string,
): Pick<Client, "kind" | "identity"> {
  switch (says) {
    case "nothing":
      return { kind: "address", identity: addressIdentity };
    case "name":
      return { kind: "name", identity: `n:${text}` };
    case "mailers":
      return { kind: "mailers", identity: `m:${text}` };
    case "hosts":
      return { kind: "hosts", identity: `g:${text}` };
  }
}

/** The four octets, or the eight groups, of an address; of the IPv4 address inside, if there is one. */
function partsOf(address: string): readonly number[] | undefined {
  const groups = groupsOf(address);
  if (groups === undefined) return undefined;
  const ipv4 = ipv4Inside(groups);
  return ipv4 === undefined ? groups : octetsOf(ipv4);
}

function ipv4Inside(groups: readonly number[]): readonly number[] | undefined {
  if (groups.length === 2) return groups;
  if (groups[0] === 0x2002) return groups.slice(1, 3);
  const isNat64 = groups[0] === 0x64 && groups[1] === 0xff9b &&
    groups.slice(2, 6).every((group) => group === 0);
  return isNat64 ? groups.slice(6) : undefined;
}

function networkOf(parts: readonly number[]): string {
  if (parts.length === 4) return parts.join(".");
  return `${parts.slice(0, 4).map((group) => group.toString(16)).join(":")}::/64`;
}

function isPrivateNetwork(parts: readonly number[]): boolean {
  const [a = 0, b = 0] = parts;
  if (parts.length === 4) {
    return a === 10 || a === 127 || (a === 172 && b >> 4 === 1) || (a === 192 && b === 168) ||
      (a === 169 && b === 254) || (a === 100 && b >> 6 === 1);
  }
  // Local prefixes of NAT64 (RFC 8215) and SIIT (RFC 2765): all of IPv4 in one /64.
  const isTranslated = (a === 0x64 && b === 0xff9b) ||
    parts.slice(0, 6).every((part, i) => part === (i === 4 ? 0xffff : 0));
  const isLoopback = parts.every((group, i) => group === (i === 7 ? 1 : 0));
  return isLoopback || isTranslated || (a & 0xfe00) === 0xfc00 || (a & 0xffc0) === 0xfe80;
}
