/** A resolver under test, which is closed when the test ends, and what it told. */
import { DnsError } from "../../lib/dns/error.ts";
import type { QuestionType } from "../../lib/dns/message.ts";
import { parseNameServer } from "../../lib/dns/name_server.ts";
import { Resolver } from "../../lib/dns/resolver.ts";
import { atEnd, type Cleanup } from "./process.ts";

export function openResolver(t: Cleanup, servers: readonly string[], timeoutMilliseconds = 10_000) {
  const told: string[] = [];
  const resolver = new Resolver({
    servers: () => servers.map(parseNameServer),
    timeoutMilliseconds,
    observer: {
      dnsDown: () => void told.push("down"),
      dnsUp: (seconds) => void told.push(`up ${seconds >= 0}`),
    },
  });
  atEnd(t, () => resolver.close());
  /** The records, or the code of the error, of a question that is a request of its own. */
  const ask = (name: string, type: QuestionType = "A"): Promise<unknown> =>
    resolver.ask((lookup) => lookup(name, type)).catch((error) => {
      if (error instanceof DnsError) return error.code;
      throw error;
    });
  return { resolver, ask, told };
}

/** How long something takes, in milliseconds. */
export async function timed(what: Promise<unknown>): Promise<number> {
  const began = performance.now();
  await what;
  return performance.now() - began;
}
