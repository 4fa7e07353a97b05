/** What asks DNS for a serving program, from one configuration to the next. */
import { asksDns } from "../config/sense.ts";
import type { Config } from "../config/settings.ts";
import type { Dns, DnsSettings } from "../dns/open.ts";
import type { Exchanged } from "../dns/resolver.ts";
import type { Log } from "../log/log.ts";

export class DnsSource {
  #open: { readonly dns: Dns; readonly by: string } | undefined;

  constructor(private readonly log: Log, private readonly exchanged?: Exchanged) {}

  /** For a configuration: the same as before, with all that it knows, if its settings of DNS are. */
  async for(config: Config): Promise<Dns | undefined> {
    const settings: DnsSettings = {
      servers: config.dnsServers,
      timeoutMilliseconds: config.dnsTimeout * 1000,
      spf: config.spf,
    };
    const by = JSON.stringify(settings);
    if (asksDns(config) && this.#open?.by === by) return this.#open.dns;
    this.close();
    if (!asksDns(config)) return undefined;
    const { openDns } = await import("../dns/open.ts");
    const dns = await openDns(settings, this.log, this.exchanged);
    this.#open = { dns, by };
    return dns;
  }

  /** Whether DNS is asked at present. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** Ends what is being asked. */
  close(): void {
    this.#open?.dns.resolver.close();
    this.#open = undefined;
  }
}
