/** Where a name server is, as `dns-servers` and resolv.conf(5) spell it. Pure. */
import { parseAddress } from "../address.ts";

export interface NameServer {
  /** In its one spelling; IPv4 for one that is mapped into IPv6. */
  readonly address: string;
  readonly port: number;
  readonly family: 4 | 6;
}

const defaultPort = 53;

/**
 * Reads `192.0.2.53`, `127.0.0.1:5354`, `2001:db8::53`, `[::1]:53`, `[::1]`. A name is none: who would
 * resolve it? Throws a RangeError that says what was wanted.
 */
export function parseNameServer(text: string): NameServer {
  const [, v6, v4, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  const address = parseAddress(v6 ?? v4 ?? text);
  const number = port === undefined ? defaultPort : Number(port);
  if (address === undefined || !(number >= 1 && number <= 65_535)) {
    throw new RangeError(
      `want an address, such as 192.0.2.53, 127.0.0.1:5354 or [::1]:53, got "${text}"`,
    );
  }
  const family = address.kind() === "ipv4" ? 4 : 6;
  return { address: address.toString(), port: number, family };
}

/** The spelling that parseNameServer() reads. */
export function formatNameServer({ address, port, family }: NameServer): string {
  return family === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * The servers that resolv.conf(5) names, three at most; without any the one of this machine, as it says.
 * Those of a link (`fe80::1%eth0`) are left out: no runtime is known to reach them.
 */
export function readResolvConf(text: string): readonly NameServer[] {
  const named = [...text.matchAll(/^nameserver[ \t]+(\S+)/gm)].flatMap(([, address = ""]) => {
    const parsed = parseAddress(address);
    return parsed === undefined ? [] : [parseNameServer(address)];
  });
  return named.length > 0 ? named.slice(0, 3) : [parseNameServer("127.0.0.1")];
}

/** Whether a datagram that came from here came from that server. */
export function isFrom(server: NameServer, address: string, port: number): boolean {
  return port === server.port && parseAddress(address)?.toString() === server.address;
}
