/**
 * Who is greylisted: the triplet of client network, sender and recipient, brought to a form in which
 * two attempts to deliver one mail look the same. Pure.
 *
 * - Client: the address cut to a prefix (senders retry from a neighbouring address);
 *   `::ffff:a.b.c.d` is a.b.c.d.
 * - Sender: what changes from one attempt or one mail to the next is taken out: the BATV tag
 *   (draft-levine-smtp-batv), hash and time stamp of SRS0 and SRS1 (the SRS paper, libspf2.org), the
 *   `+extension`, and numbers that are a whole word (`bounce-123-456`).
 * - Recipient: the `+extension` is taken out.
 * - ASCII letters in lower case; other bytes as they are. The domain is what follows the last `@`.
 */
import ipaddr from "ipaddr.js";
import { groupsOf, octetsOf } from "../address.ts";

/** How many bits of an address identify a client. */
export interface PrefixLengths {
  readonly ipv4: number;
  readonly ipv6: number;
}

/** The client's network, such as `192.0.2.0/24` or `2001:db8::/64`; undefined for no address. */
export function clientNetwork(address: string, prefixes: PrefixLengths): string | undefined {
  const groups = groupsOf(address);
  if (groups === undefined) return undefined;
  const bits = groups.length === 2 ? prefixes.ipv4 : prefixes.ipv6;
  const kept = groups.map((group, i) =>
    group & (0xffff << (16 - Math.min(16, Math.max(0, bits - i * 16))))
  );
  const network = kept.length === 2 ? octetsOf(kept).join(".") : new ipaddr.IPv6(kept).toString();
  return `${network}/${bits}`;
}

// Stands for a number. No sender contains it, so that `bounce-#` and `bounce-1` stay apart.
const number = "\0";

/** The sender as it identifies a mail over several attempts. The null sender stays empty. */
export function normalizeSender(sender: string): string {
  const { local, domain } = splitAddress(sender);
  // All tags end in "=".
  const untagged = local.includes("=") ? withoutSrs(withoutBatv(local)) : local;
  return lowerCase(withoutExtension(untagged).replace(/\b\d+\b/g, number) + domain);
}

/** The recipient as it identifies a mailbox. */
export function normalizeRecipient(recipient: string): string {
  const { local, domain } = splitAddress(recipient);
  return lowerCase(withoutExtension(local) + domain);
}

/** Splits before the last `@`; `domain` begins with it, or is empty. */
export function splitAddress(address: string): { local: string; domain: string } {
  const at = address.lastIndexOf("@");
  if (at === -1) return { local: address, domain: "" };
  return { local: address.slice(0, at), domain: address.slice(at) };
}

/** Lower case for A to Z only: other bytes may be half of a character. */
export function lowerCase(text: string): string {
  if (!/[A-Z]/.test(text)) return text;
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * The local part without its extension: the first of the delimiters that is found splits, but not at the
 * beginning (postconf(5), recipient_delimiter).
 */
export function withoutExtension(local: string, delimiters = "+"): string {
  let first = local.length;
  for (const delimiter of delimiters) {
    const at = local.indexOf(delimiter);
    if (at !== -1 && at < first) first = at;
  }
  return first > 0 ? local.slice(0, first) : local;
}

// prvs=tag=user, or as older versions of the draft had it, prvs=user=tag. A tag is a digit for the key, three
// for the day, and six hexadecimal ones of the hash; anything else may be somebody's name.
function withoutBatv(local: string): string {
  return local
    .replace(/^prvs=\d{4}[0-9a-f]{6}=(?=.)/i, "")
    .replace(/^prvs=(.+)=\d{4}[0-9a-f]{6}$/i, "$1");
}

// SRS0=hash=time=domain=user        → SRS0=domain=user
// SRS1=hash=hop==hash=time=domain=user → SRS1=hop==domain=user
// The first separator may be = + or -, and so may the second one of SRS1's pair.
function withoutSrs(local: string): string {
  return local
    .replace(/^srs0[-+=][^=]+=[^=]{2}=(?=[^=]+=)/i, "SRS0=")
    .replace(/^srs1[-+=][^=]+=([^=]+)=[-+=][^=]+=[^=]{2}=(?=[^=]+=)/i, "SRS1=$1==");
}

/** What of the triplet identifies it. The seed of this program left the sender out. */
export type IdentifyBy = "client,sender,recipient" | "client,recipient";

/** What the key of a client's own entry is made from. */
export function clientMaterial(network: string): string {
  return `client\n${network}`;
}

/** What a triplet's key is made from. No part contains a line break, so that no two triplets fall together. */
export function tripletMaterial(
  network: string,
  sender: string,
  recipient: string,
  identifyBy: IdentifyBy,
): string {
  const parts = ["triplet", network];
  if (identifyBy === "client,sender,recipient") parts.push(normalizeSender(sender));
  parts.push(normalizeRecipient(recipient));
  return parts.join("\n");
}
