/**
 * Domains as strangers spell them, and their one spelling here. `münchen.example` and `xn--mnchen-3ya.example`
 * are one domain, in any case (RFC 5890): Postfix has the first in addresses (SMTPUTF8), the second in the
 * names of clients.
 */
import { domainToASCII } from "node:url";
import { lowerCase } from "./triplet.ts";

/** RFC 1035 section 2.3.4, less the dot at the end. */
const LONGEST_NAME = 253;

/** ASCII names. Underscores and final hyphens occur, and Postfix hands them on. */
const NAME = /^[a-z0-9_][a-z0-9_-]{0,62}(?:\.[a-z0-9_][a-z0-9_-]{0,62})*$/;
/** The same with any byte from 80 up. */
const NAME_OR_BYTES =
  /^[a-z0-9_\x80-\xff][a-z0-9_\x80-\xff-]{0,252}(?:\.[a-z0-9_\x80-\xff][a-z0-9_\x80-\xff-]{0,252})*$/;
const ENDS_IN_NUMBER = /(?:^|\.)[0-9]+$/;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The one spelling of a domain: in lower case, without the dot that closes a fully qualified name, and in
 * ASCII, as DNS has it. What is no UTF-8, or no name that DNS could have, keeps its other bytes.
 */
export function canonicalDomain(bytes: string): string {
  const name = withoutFinalDot(lowerCase(bytes));
  return /[\x80-\xff]/.test(name) ? inAscii(name) ?? name : name;
}

function inAscii(name: string): string | undefined {
  // What else domainToASCII() would do, such as reading %41, differs between runtimes.
  if (!isDomainOfBytes(name)) return undefined;
  try {
    const text = utf8.decode(Uint8Array.from(name, (character) => character.charCodeAt(0)));
    const ascii = withoutFinalDot(domainToASCII(text));
    return isDomain(ascii) ? ascii : undefined;
  } catch {
    return undefined; // how decode() says that this is no UTF-8
  }
}

/**
 * Whether a canonical `name` can be that of a host or domain. None ends in a number: that would be an
 * address, or part of one.
 */
export function isDomain(name: string): boolean {
  return name.length <= LONGEST_NAME && !ENDS_IN_NUMBER.test(name) && NAME.test(name);
}

/** Whether it could be one, with bytes beyond ASCII taken for letters, and labels as long as these may be. */
export function isDomainOfBytes(name: string): boolean {
  return name.length <= LONGEST_NAME && !ENDS_IN_NUMBER.test(name) && NAME_OR_BYTES.test(name);
}

function withoutFinalDot(name: string): string {
  return name.length > 1 && name.endsWith(".") ? name.slice(0, -1) : name;
}
