/**
 * The sender as it identifies a stream of mail: what changes from one mail to the next is taken out, so that
 * the second mail of a newsletter, or of a forwarder, is known. `normalize-senders = full`.
 *
 * In this order, in lower case:
 * 1. tags around the local part, from outside in, as often as they are nested (sender_tags.ts);
 * 2. the recipient's address inside the local part (VERP): `news-piet=example.org`, `piet===example.org`,
 *    LISTSERV's `piet**EXAMPLE*-org`;
 * 3. the `+extension`;
 * 4. tokens (sender_tokens.ts);
 * 5. labels left of the registrable domain that have a digit, and, where the client says that it is this
 *    very host, all of them.
 *
 * What is taken out leaves TOKEN. Two senders of letters only, without a tag, stay two.
 */
import { canonicalDomain, isDomain } from "./domain.ts";
import { hostName } from "./host_name.ts";
import { registrableDomain } from "./public_suffix.ts";
import { MOST_TAGS, withoutTag } from "./sender_tags.ts";
import { TOKEN, withoutTokens } from "./sender_tokens.ts";
import { lowerCase, splitAddress, withoutExtension } from "./triplet.ts";

/** What the sender is seen with. */
export interface SenderContext {
  readonly recipient: string;
  /** Postfix's client_name. */
  readonly clientName: string;
  /** Postfix's recipient_delimiter. */
  readonly delimiters: string;
}

// What the recipient's address inside the sender has no place beside: it is part of a longer name then.
const WITHIN = "[0-9a-z\\x80-\\xff\\0]";

/** The normalised sender; a fixed point: doing it twice changes nothing. The null sender stays empty. */
export function normalizeSenderFully(sender: string, context: SenderContext): string {
  const { local, domain } = splitAddress(lowerCase(sender));
  const patterns = recipientPatterns(context.recipient, local, context.delimiters);
  return normalizeLocal(local, patterns, MOST_TAGS) +
    normalizeDomain(domain, hostName(context.clientName));
}

/**
 * The address inside the tags of BATV and SRS, in lower case; of SRS it is the one that the mail was forwarded for.
 * Undefined for a sender without a tag.
 */
export function untaggedSender(sender: string): string | undefined {
  let { local, domain } = splitAddress(lowerCase(sender)), tags = 0;
  for (; tags < MOST_TAGS; tags++) {
    const inside = withoutTag(local);
    if (inside === undefined) break;
    local = inside.local;
    if (inside.domain !== "") domain = `@${inside.domain}`;
  }
  return tags === 0 ? undefined : local + domain;
}

/** The registrable domain of a sender; undefined for the null sender, no domain, an address literal. */
export function senderDomain(sender: string): string | undefined {
  const name = hostName(splitAddress(sender).domain.slice(1));
  return name === undefined ? undefined : registrableDomain(name);
}

/**
 * The domain whose SPF speaks for a mail: the sender's, or, for the null sender, the name that the client calls itself
 * by (RFC 7208 section 2.4). In one spelling; undefined for what is no domain, such as an address.
 */
export function spfDomain(sender: string, helo: string): string | undefined {
  const domain = canonicalDomain(sender === "" ? helo : splitAddress(sender).domain.slice(1));
  return isDomain(domain) && domain.includes(".") ? domain : undefined;
}

function normalizeLocal(local: string, recipients: readonly RegExp[], tagsLeft: number): string {
  const untagged = withoutTag(local);
  if (untagged !== undefined) {
    const { before, domain, local: inside } = untagged;
    if (tagsLeft === 0) return TOKEN;
    const rest = normalizeLocal(inside, recipients, tagsLeft - 1);
    if (before === "") return rest;
    return `${before}${normalizeDomain(`@${domain}`).slice(1)}=${rest}`;
  }
  const anonymous = recipients.reduce((text, pattern) => text.replace(pattern, TOKEN), local);
  return withoutTokens(withoutExtension(anonymous));
}

/** The recipient's address, with and without its extension, as senders write it into a local part. */
function recipientPatterns(recipient: string, local: string, delimiters: string): RegExp[] {
  const { local: name, domain } = splitAddress(lowerCase(recipient));
  const dot = domain.indexOf("."), first = dot === -1 ? domain.slice(1) : domain.slice(1, dot);
  if (first === "" || !local.includes(first)) return [];
  const labels = dot === -1 ? [] : domain.slice(dot + 1).split(".");
  const names = [...new Set([name, withoutExtension(name, delimiters)])];
  return names.filter((name) => name !== "" && local.includes(name)).map((name) => {
    const at = "(?:[^0-9a-z\\0]{1,3}|[=%]40)";
    const dot = "(?:[^0-9a-z\\0]{1,2}|[=%]2e)";
    const text = escaped(name) + at + [first, ...labels].map(escaped).join(dot);
    return new RegExp(`(?<!${WITHIN})${text}(?!${WITHIN})`, "g");
  });
}

function escaped(text: string): string {
  return text.replace(
    /[^0-9a-z]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** @param domain with the `@` before it, or empty */
function normalizeDomain(domain: string, host?: string): string {
  const name = domain.slice(1);
  const registrable = hostName(name) === name ? registrableDomain(name) : undefined;
  if (registrable === undefined || registrable === name) return domain;
  const left = name.slice(0, -registrable.length - 1).split(".");
  const changes = (label: string) => name === host || /[0-9]/.test(label);
  const labels = left.map((label) => changes(label) ? TOKEN : label);
  const joined = labels.filter((label, i) => label !== TOKEN || labels[i - 1] !== TOKEN);
  return `@${[...joined, registrable].join(".")}`;
}
