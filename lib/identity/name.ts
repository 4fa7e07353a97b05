/**
 * What a verified host name says about who it is, in nine steps; the first that applies decides.
 *
 * 1. No host name, or no registrable domain (public_suffix.ts): nothing.
 * 2. Made from the address (address_in_name.ts): nothing.
 * 3. Below the domain of a hosting provider that names its customers' machines: with a digit nothing, else
 *    that name.
 * 4. A word of access providers left of the domain, or of hosting providers behind the first label, unless it is
 *    a domain of mail: with a digit in the first label, or where that is no customer's own, nothing; else
 *    that name.
 * 5. A word of mail left of the domain, or a domain of mail: that domain's mailers; behind the first label a
 *    number of four digits is a customer's, and the mailers are his.
 * 6. No digit left of the domain: that name.
 * 7. Half an address, a word that any machine might be called by, a long number, a random label: nothing.
 * 8. No digit in the first label: that name.
 * 9. Numbered hosts: those whose names differ only in leading labels with digits.
 *
 * The words are in name_words.ts. Where a name says nothing, the address is all there is. A wrong "nothing"
 * costs a real mail one wait; a wrong group lets in whoever gets a name in it.
 */
import { addressInName, halfAddressIn, lastPartIn, mostOfAddressIn } from "./address_in_name.ts";
import type { Parts } from "./address_in_name.ts";
import {
  accessWords,
  hostingDomains,
  hostingWords,
  mailWords,
  weakDomainWords,
  weakWords,
} from "./name_words.ts";
import type { Row } from "./name_words.ts";
import { registrableDomain } from "./public_suffix.ts";

/** What a name says: nothing, that it is this one, or to which group of hosts it belongs. */
export interface NameVerdict {
  readonly says: "nothing" | "name" | "mailers" | "hosts";
  /** The name, the domain of the mailers, or what the hosts' names have in common; empty for nothing. */
  readonly text: string;
  readonly step: 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;
  /** What decided, for people to read. */
  readonly reason: string;
  /** The registrable domain, if there is one. */
  readonly domain: string | undefined;
}

const DIGIT = /[0-9]/;
const MAIL_DOMAIN = /mail|smtp/;

// First labels that a provider gives to many customers.
const SHARED_LABEL =
  /^(?:(?:[a-z]?dsl|clients?|cust|customers?|dhcp|dial|dialup|dyn|dynamic|eduroam|hosts?|ip|nat|nodes?|pool|ppp|pppoe|rev|reverse|static|unassigned|unknown|unused|users?)(?:-|$))+$/;

// Some mailers number their networks: ptr12345.
const CUSTOMER_NUMBER = /(?<!ptr)(?<![0-9])[0-9]{4,}/;
const LONG_NUMBER = /(?<!ptr)(?<![0-9])[0-9]{5}/;
const LONG_NUMBER_IN_FIRST = /[0-9]{4}|[0-9][^0-9]+[0-9]+[^0-9]+[0-9]|^[a-z]{1,2}[0-9]{3}/;
const LONG_HEX = /(?=[a-f]*[0-9])[0-9a-f]{8}/;
const CHANGE = /[a-z](?=[0-9])|[0-9](?=[a-z])/g;
const RANDOM_LENGTH = 14;
const RANDOM_CHANGES = 4;

const accessWordIn = finderOf(accessWords);
const mailWordIn = finderOf(mailWords);
const hostingWordIn = finderOf(hostingWords);
const weakWordIn = finderOf(weakWords);
const weakDomainWordIn = finderOf(weakDomainWords);
const hostingDomainSet: ReadonlySet<string> = new Set(hostingDomains.map(([domain]) => domain));

/**
 * @param name verified, as hostName() gives it; undefined if there is none
 * @param parts of the address
 */
export function judgeName(name: string | undefined, parts: Parts): NameVerdict {
  const domain = name === undefined ? undefined : registrableDomain(name);
  const nothing = (step: NameVerdict["step"], reason: string): NameVerdict => {
    return { says: "nothing", text: "", step, reason, domain };
  };
  if (name === undefined) return nothing(1, "no verified name");
  if (domain === undefined) return nothing(1, "a name without a registrable domain");
  const thisName = (step: NameVerdict["step"], reason: string): NameVerdict => {
    return { says: "name", text: name, step, reason, domain };
  };

  const domainLabel = domain.slice(0, domain.indexOf("."));
  const mailDomain = MAIL_DOMAIN.exec(domainLabel)?.[0];
  const left = name.slice(0, Math.max(0, name.length - domain.length - 1));
  const labels = left === "" ? [] : left.split(".");
  const first = labels[0] ?? "";
  const words = wordsIn(left);
  const mailWord = mailWordIn(left, words);
  // In a domain of mail only a name that is numbered, and says nothing of mail itself, is a customer's.
  const mayBeCustomer = mailDomain === undefined || (mailWord === undefined && DIGIT.test(first));
  const made = addressInName(name, parts);
  if (made !== undefined) return nothing(2, `${made} in the name`);
  if (mayBeCustomer && mostOfAddressIn(name, parts)) {
    return nothing(2, "most of its address in the name");
  }

  const hosting = hostingDomainOf(name);
  if (hosting !== undefined) {
    const customer = name.slice(0, -hosting.length);
    const reason = `a customer of ${hosting}`;
    return DIGIT.test(customer) ? nothing(3, reason) : thisName(3, reason);
  }

  const behindFirst = mailDomain === undefined ? left.slice(first.length + 1) : left;
  if (mayBeCustomer) {
    const customer = accessWordIn(left, words) ??
      hostingWordIn(behindFirst, wordsIn(behindFirst));
    if (customer !== undefined) {
      const reason = `"${customer}" is for customers`;
      const isShared = DIGIT.test(first) || SHARED_LABEL.test(first);
      return isShared ? nothing(4, reason) : thisName(4, reason);
    }
  }
  const mail = mailWord ?? mailDomain;
  if (mail !== undefined) {
    const customer = mailDomain !== undefined
      ? -1
      : labels.findIndex((label, i) => i > 0 && CUSTOMER_NUMBER.test(label));
    const text = customer === -1 ? domain : [...labels.slice(customer), domain].join(".");
    return { says: "mailers", text, step: 5, reason: `"${mail}", a word of mail`, domain };
  }
  if (!DIGIT.test(left)) return thisName(6, "no digit in the name");

  const word = hostingWordIn(left, words) ?? weakWordIn(left, words) ??
    weakDomainWordIn(domainLabel, []);
  if (word !== undefined) return nothing(7, `"${word}" and a number`);
  if (halfAddressIn(left, parts) || lastPartIn(first, parts)) {
    return nothing(7, "part of its address");
  }
  if (LONG_NUMBER.test(left) || LONG_HEX.test(left) || LONG_NUMBER_IN_FIRST.test(first)) {
    return nothing(7, "a long number");
  }
  if (labels.some(isRandom)) return nothing(7, "a random label");
  if (!DIGIT.test(first)) return thisName(8, "no digit in the first label");

  const common = labels.slice(1);
  while (DIGIT.test(common[0] ?? "")) common.shift();
  return {
    says: "hosts",
    text: [...common, domain].join("."),
    step: 9,
    reason: "a number",
    domain,
  };
}

/**
 * Whether the labels between the first one and the domain speak of mail and not of customers: then even a name that
 * was made from the address is a mailer's (`192-0-2-7.mail.firma.example`).
 */
export function isInMailNetwork(name: string, domain: string): boolean {
  const behindFirst = name.slice(
    name.indexOf(".") + 1,
    Math.max(0, name.length - domain.length - 1),
  );
  const words = wordsIn(behindFirst);
  return MAIL_DOMAIN.test(behindFirst) && accessWordIn(behindFirst, words) === undefined &&
    hostingWordIn(behindFirst, words) === undefined;
}

/** The domain of hostingDomains below which a name is. */
function hostingDomainOf(name: string): string | undefined {
  for (let dot = name.indexOf("."); dot !== -1; dot = name.indexOf(".", dot + 1)) {
    const domain = name.slice(dot + 1);
    if (hostingDomainSet.has(domain)) return domain;
  }
  return undefined;
}

function isRandom(label: string): boolean {
  return label.length >= RANDOM_LENGTH && (label.match(CHANGE)?.length ?? 0) >= RANDOM_CHANGES;
}

// A run of letters that begins a part between dots and hyphens, or any of four letters or more: a random
// `vps-fbb077fb` has no word `fb`.
const WORD = /(?<![a-z0-9])[a-z]+|[a-z]{4,}/g;

function wordsIn(left: string): readonly string[] {
  return left.match(WORD) ?? [];
}

/** A function that gives the first word of a table in the labels left of the domain. */
function finderOf(rows: readonly Row[]) {
  const wordsAt = (place: Row[1]) => rows.filter((row) => row[1] === place).map(([word]) => word);
  const whole = new Set(wordsAt("word"));
  const begins = wordsAt("begin");
  const ends = wordsAt("end");
  const anywhere = new RegExp(wordsAt("anywhere").join("|"));
  const isKnown = (word: string) =>
    whole.has(word) || word.endsWith("s") && whole.has(word.slice(0, -1)) ||
    begins.some((begin) => word.startsWith(begin)) || ends.some((end) => word.endsWith(end));
  return (left: string, words: readonly string[]): string | undefined =>
    anywhere.exec(left)?.[0] ?? words.find(isKnown);
}
