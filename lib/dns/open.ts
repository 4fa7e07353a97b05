/**
 * All that asks DNS, from settings. Only whose settings need DNS loads this: in spawn mode start-up counts, and
 * dns-packet does not come for free, and mailauth even less.
 */
import * as fs from "node:fs";
import { DnsLists, type ListsObserver } from "./lists.ts";
import { type NameServer, readResolvConf } from "./name_server.ts";
import { type DnsObserver, type Exchanged, Resolver } from "./resolver.ts";
import type { JudgeSpf } from "./spf.ts";

export interface DnsSettings {
  /** None: those of resolv.conf. */
  readonly servers: readonly NameServer[];
  readonly timeoutMilliseconds: number;
  readonly spf: boolean;
}

/** What policy asks. */
export interface Dns {
  readonly resolver: Pick<Resolver, "ask" | "close">;
  readonly lists: DnsLists;
  /** Undefined: SPF is not to be asked. */
  readonly judgeSpf: JudgeSpf | undefined;
}

export async function openDns(
  { servers, timeoutMilliseconds, spf }: DnsSettings,
  observer: DnsObserver & ListsObserver,
  exchanged?: Exchanged,
): Promise<Dns> {
  const named = servers.length > 0 ? () => servers : systemServers();
  return {
    resolver: new Resolver({ servers: named, timeoutMilliseconds, observer, exchanged }),
    lists: new DnsLists(observer, () => performance.now() / 1000),
    judgeSpf: spf ? await (await import("./spf.ts")).loadSpf() : undefined,
  };
}

const resolvConf = "/etc/resolv.conf";

/** For so long, in milliseconds, what resolv.conf said is taken to be what it says: it changes, if seldom. */
const rereadMilliseconds = 10_000;

/** Gives the name servers of this machine, as resolv.conf(5) says at the time. */
export function systemServers(): () => readonly NameServer[] {
  let servers: readonly NameServer[] = [], readAt = -Infinity;
  return () => {
    const now = performance.now();
    if (now - readAt < rereadMilliseconds) return servers;
    readAt = now;
    servers = readResolvConf(readIfThere(resolvConf));
    return servers;
  };
}

function readIfThere(path: string): string {
  try {
    return fs.readFileSync(path, "latin1");
  } catch {
    return ""; // then it is this machine's own, as resolv.conf(5) says
  }
}
