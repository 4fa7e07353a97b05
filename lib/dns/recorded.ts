/** DNS as policy has it, that also tells what it was asked and what it said: for who wants to know why. */
import { DnsError } from "./error.ts";
import type { Dns } from "./open.ts";
import type { Lookup } from "./resolver.ts";
import type { SpfVerdict } from "./spf.ts";

/** A question, and its answer in words: the records, or why there are none. */
export interface Asked {
  readonly type: string;
  readonly name: string;
  readonly answer: string;
}

export interface ToldOfDns {
  asked(asked: Asked): void;
  spf(verdict: SpfVerdict): void;
}

export function recorded(dns: Dns, told: ToldOfDns): Dns {
  const { resolver, judgeSpf } = dns;
  return {
    ...dns,
    resolver: {
      ask: (use) => resolver.ask((lookup, signal) => use(telling(lookup, told), signal)),
      close: () => resolver.close(),
    },
    judgeSpf: judgeSpf && (async (...about) => {
      const verdict = await judgeSpf(...about);
      told.spf(verdict);
      return verdict;
    }),
  };
}

function telling(lookup: Lookup, told: ToldOfDns): Lookup {
  return async (name, type) => {
    try {
      const records = await lookup(name, type);
      told.asked({ type, name, answer: records.map(wordsOf).join(" | ") });
      return records;
    } catch (error) {
      if (error instanceof DnsError) told.asked({ type, name, answer: meaning[error.code] });
      throw error;
    }
  };
}

const meaning: Readonly<Record<DnsError["code"], string>> = {
  ENOTFOUND: "there is none",
  ENODATA: "there is none",
  ESERVFAIL: "the server failed",
  EREFUSED: "the server refuses",
  ETIMEOUT: "no answer in time",
};

/** One record: a text or address, the strings of a TXT, an MX. */
function wordsOf(record: unknown): string {
  if (Array.isArray(record)) return record.join("");
  if (typeof record !== "object" || record === null) return String(record);
  const { priority, exchange } = record as { priority?: unknown; exchange?: unknown };
  return `${priority} ${exchange}`;
}
