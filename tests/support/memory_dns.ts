/** A lookup without a name server, for tests of many inputs: it fails as node:dns/promises does. */
import type { SpfLookup } from "../../lib/dns/spf.ts";
import type { DnsRecord } from "./dns_server.ts";

/** An error as node:dns/promises rejects with. */
export function dnsError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** Answers from these records; follows a CNAME as far as resolvers do. */
export function lookupIn(records: readonly DnsRecord[]): SpfLookup {
  const longestChain = 16;
  const rowsOf = (name: string) => records.filter(([owner]) => owner.toLowerCase() === name);
  // deno-lint-ignore require-await -- what it throws must be a rejection
  return async (name, type) => {
    let rows = rowsOf(name.toLowerCase().replace(/\.$/, ""));
    for (let i = 0; i < longestChain; i++) {
      const alias = rows.find(([, kind]) => kind === "CNAME");
      if (alias !== undefined) rows = rowsOf(alias[2] ?? "");
    }
    if (rows.length === 0) throw dnsError("ENOTFOUND");
    const data = rows.filter(([, kind]) => kind === type).map(([, , ...data]) => data);
    if (data.length === 0) throw dnsError("ENODATA");
    if (type === "TXT") return data;
    const texts = data.map(([text = ""]) => text);
    if (type !== "MX") return texts;
    return texts.map((text) => {
      const [priority = "", exchange = ""] = text.split(" ");
      return { priority: Number(priority), exchange: exchange === "." ? "" : exchange };
    });
  };
}
