/**
 * A real name server for tests: dnsmasq (Debian package dnsmasq-base) on a free port of 127.0.0.1, UDP and TCP,
 * with the records that it is given and no other: every other name does not exist. It caches nothing, and can
 * be stopped, frozen, and asked what it was asked.
 *
 * Records go to it as bytes (--dns-rr), so that a text may be as long, and a name as odd, as DNS allows.
 */
import { Buffer } from "node:buffer";
import * as dgram from "node:dgram";
import process from "node:process";
import { groupsOf } from "../../lib/address.ts";
import { atEnd, type Cleanup, freePort, type Running, start } from "./process.ts";

/**
 * One record. A TXT record's strings are byte strings, cut at 255 bytes where they are longer; an MX is written
 * as in a zone file: `10 mx.firma.example`. A CNAME must lead to a name with records of its own.
 */
export type DnsRecord = readonly [
  name: string,
  type: "A" | "AAAA" | "CNAME" | "MX" | "PTR" | "TXT",
  ...data: string[],
];

export interface DnsServerOptions {
  /** A free one by default. */
  readonly port?: number;
  /** How long its answers may be kept, in seconds; 60 by default. */
  readonly ttlSeconds?: number;
  /** Domains that go wrong, with all below them: an answer that says so, or none at all. */
  readonly failing?: Readonly<Record<string, "SERVFAIL" | "silence">>;
  /** More of dnsmasq's own arguments. */
  readonly args?: readonly string[];
}

/** A dnsmasq that a test started. */
export interface DnsServer {
  readonly port: number;
  /** As setServers() and dns-servers name it: `127.0.0.1:5354`. */
  readonly server: string;
  /** What it was asked since it was started, in this order, such as `TXT firma.example`. */
  questions(): string[];
  /** SIGSTOP: nothing is answered any more. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** Ends it at once, frozen or not. */
  stop(): Promise<void>;
  /** Ends it if it runs, and starts it at the same port, with other records if there are any. */
  restart(records?: readonly DnsRecord[]): Promise<void>;
}

/** Starts a dnsmasq that answers by the time the promise settles. */
export async function startDnsServer(
  t: Cleanup,
  records: readonly DnsRecord[],
  options: DnsServerOptions = {},
): Promise<DnsServer> {
  const upstream = await startUpstream(t, options.failing ?? {});
  let port = options.port ?? await freePort();
  let running: Running | undefined;
  const kill = async () => {
    if (running !== undefined) await running.stop("SIGKILL"); // it has nothing to save
    running = undefined;
  };
  const launch = async (records: readonly DnsRecord[]) => {
    const args = [
      ...["--keep-in-foreground", "--conf-file=/dev/null", "--pid-file", "--no-resolv"],
      ...["--no-hosts", "--no-poll", "--bind-interfaces", "--listen-address=127.0.0.1"],
      ...["--cache-size=0", "--address=/#/", "--log-queries", "--log-facility=-"],
      ...process.getuid?.() === 0 ? ["--user=root"] : [],
      `--local-ttl=${options.ttlSeconds ?? 60}`,
      ...Object.keys(options.failing ?? {}).map((name) =>
        `--server=/${name}/127.0.0.1#${upstream}`
      ),
      ...records.map(argumentOf),
      // For dnsmasq a name of which it has only raw records does not exist when it is asked for others.
      ...[...new Set(records.filter(([, type]) => type !== "CNAME").map(([name]) => name))].map(
        (name) => `--naptr-record=${name},1,1,u,x,,.`,
      ),
      ...options.args ?? [],
    ];
    const launched = start({ after: () => {} }, "dnsmasq", [`--port=${port}`, ...args]);
    running = launched;
    let gone: number | string | undefined;
    void launched.exited.then((status) => gone = status);
    const end = performance.now() + 10_000;
    while (!launched.stderr().includes(": started, ")) {
      if (gone !== undefined) throw new Error(`dnsmasq ended (${gone}): ${launched.stderr()}`);
      if (performance.now() > end) throw new Error(`dnsmasq does not start: ${launched.stderr()}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const signal = (name: NodeJS.Signals) => {
    if (running !== undefined) process.kill(running.pid, name);
  };
  atEnd(t, kill);
  for (let attempt = 1;; attempt++) {
    try {
      await launch(records);
      break;
    } catch (error) {
      // A port that was free a moment ago may be another program's by now.
      if (options.port !== undefined || attempt === 5) throw error;
      await kill();
      port = await freePort();
    }
  }
  return {
    port,
    server: `127.0.0.1:${port}`,
    questions: () =>
      [...running?.stderr().matchAll(/: query\[([^\]]+)\] (.*) from 127\.0\.0\.1$/gm) ?? []]
        .map(([, type, name]) => `${type} ${name}`),
    freeze: () => signal("SIGSTOP"),
    thaw: () => signal("SIGCONT"),
    stop: kill,
    restart: async (others = records) => {
      await kill();
      await launch(others);
    },
  };
}

function argumentOf([name, type, ...data]: DnsRecord): string {
  const [first = ""] = data;
  if (type === "CNAME") return `--cname=${name},${first}`;
  const [code, bytes] = wireForm(type, data);
  return `--dns-rr=${name},${code},${Buffer.from(bytes).toString("hex")}`;
}

/** The number of a record's type, and its data as RFC 1035 has it. */
function wireForm(
  type: Exclude<DnsRecord[1], "CNAME">,
  data: readonly string[],
): [number, number[]] {
  const [first = ""] = data;
  switch (type) {
    case "A":
    case "AAAA": {
      const groups = groupsOf(first);
      if (groups === undefined) throw new Error(`"${first}" is no address`);
      return [type === "A" ? 1 : 28, groups.flatMap((group) => [group >> 8, group & 0xff])];
    }
    case "PTR":
      return [12, nameBytes(first)];
    case "MX": {
      const [preference = "", exchange = ""] = first.split(" ");
      return [15, [Number(preference) >> 8, Number(preference) & 0xff, ...nameBytes(exchange)]];
    }
    case "TXT":
      return [16, data.flatMap((text) => text.match(/[^]{1,255}/g) ?? [""]).flatMap(stringBytes)];
  }
}

/** A domain name, without compression. */
function nameBytes(name: string): number[] {
  return [...name.split(".").filter((label) => label !== "").flatMap(stringBytes), 0];
}

/** A string of up to 255 bytes, its length before it. */
function stringBytes(text: string): number[] {
  return [text.length, ...Buffer.from(text, "latin1")];
}

/** The server that dnsmasq asks for the domains that go wrong; returns its port, 0 if there are none. */
async function startUpstream(
  t: Cleanup,
  failing: Readonly<Record<string, "SERVFAIL" | "silence">>,
): Promise<number> {
  if (Object.keys(failing).length === 0) return 0;
  const socket = dgram.createSocket("udp4");
  atEnd(t, () => new Promise<void>((resolve) => socket.close(() => resolve())));
  socket.on("message", (question, from) => {
    const name = questionName(question);
    const isSilent = Object.entries(failing).some(([domain, how]) =>
      how === "silence" && `.${name}`.endsWith(`.${domain}`)
    );
    if (isSilent) return;
    const answer = Buffer.from(question);
    answer[2] = (answer[2] ?? 0) | 0x80; // a response
    answer[3] = 0x82; // recursion available, SERVFAIL
    socket.send(answer, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return socket.address().port;
}

function questionName(question: Uint8Array): string {
  const labels: string[] = [];
  for (let at = 12; (question[at] ?? 0) > 0;) {
    const length = question[at] ?? 0;
    labels.push(Buffer.from(question.subarray(at + 1, at + 1 + length)).toString("latin1"));
    at += 1 + length;
  }
  return labels.join(".").toLowerCase();
}
