/**
 * SPF records as far as vouching.ts needs them: which networks they name, and where they lead (RFC 7208 section
 * 5). Pure.
 *
 * mailauth has judged the record and found no error in it before anything here counts. What it says only about
 * some names or times is `other`: exists, ptr, and every term with a macro.
 */
import { parseAddress } from "../address.ts";

/** An address as ipaddr.js has it. */
export type Address = NonNullable<ReturnType<typeof parseAddress>>;

export interface Mechanism {
  /** Whether a match is a pass, not a fail, softfail or neutral. */
  readonly passes: boolean;
  readonly what:
    | { readonly kind: "all" | "other" }
    | { readonly kind: "include"; readonly domain: string }
    | { readonly kind: "ip4" | "ip6"; readonly network: Address; readonly bits: number }
    | {
      readonly kind: "a" | "mx";
      /** Undefined: the record's own. */
      readonly domain: string | undefined;
      readonly ipv4Bits: number;
      readonly ipv6Bits: number;
    };
}

export interface SpfRecord {
  readonly mechanisms: readonly Mechanism[];
  /** Where to go on if nothing matches; undefined without a redirect, or with a macro in it. */
  readonly redirect: string | undefined;
}

const VERSION = /^v=spf1(?: |$)/i;
const TERM =
  /^([+?~-]?)(all|include|a|mx|ip4|ip6|exists|ptr)(?=[:/]|$)(?::([^/]*))?(?:\/(\d+))?(?:\/\/(\d+))?$/i;
const REDIRECT = /^redirect=([^%]+)$/i;
const other: Mechanism["what"] = { kind: "other" };

/** Whether a text is a record of SPF, version 1; all others of a domain are none of its business. */
export function isSpfRecord(text: string): boolean {
  return VERSION.test(text);
}

/** A domain's name as it is asked for. */
export function askedName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

export function parseSpfRecord(text: string): SpfRecord {
  const mechanisms: Mechanism[] = [];
  let redirect: string | undefined;
  for (const term of text.split(" ").slice(1)) {
    const [, qualifier = "", name = "", value, slash, doubleSlash] = TERM.exec(term) ?? [];
    if (name !== "") {
      const what = read(name.toLowerCase(), value, slash, doubleSlash);
      mechanisms.push({ passes: qualifier === "" || qualifier === "+", what });
    } else redirect ??= REDIRECT.exec(term)?.[1];
  }
  return { mechanisms, redirect: redirect === undefined ? undefined : askedName(redirect) };
}

function read(
  kind: string,
  value: string | undefined,
  slash: string | undefined,
  doubleSlash: string | undefined,
): Mechanism["what"] {
  if (value?.includes("%")) return other;
  switch (kind) {
    case "all":
      return { kind };
    case "include":
      return { kind, domain: askedName(value ?? "") };
    case "ip4":
    case "ip6": {
      const network = parseAddress(value ?? "");
      const family = kind === "ip4" ? "ipv4" : "ipv6";
      if (network?.kind() !== family) return other;
      return { kind, network, bits: Number(slash ?? (kind === "ip4" ? 32 : 128)) };
    }
    case "a":
    case "mx":
      return {
        kind,
        domain: value === undefined ? undefined : askedName(value),
        ipv4Bits: Number(slash ?? 32),
        ipv6Bits: Number(doubleSlash ?? 128),
      };
    default:
      return other;
  }
}
