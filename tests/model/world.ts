/**
 * The real program on a real store, both under one clock that stands until it is moved, and what may happen
 * to them.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Clock, monotonicToo, standingClock } from "../support/clock.ts";
import {
  type Client,
  connect,
  type DaemonUnderTest,
  request,
  startDaemon,
} from "../support/greylist.ts";
import { startDnsServer } from "../support/dns_server.ts";
import { type Memcached, startMemcached, untilNoticed } from "../support/memcached.ts";
import { type Cleanup, tempDir, waitFor } from "../support/process.ts";
import { answeringClient, attributesOf, attributesOfLetter } from "./mails.ts";
import { lists, probingClient, zone } from "./mails.ts";
import type { Answer, Letter, Mail, Settings } from "./reference.ts";

export const stores = ["memory", "memcached", "sqlite"] as const;
export type StoreKind = (typeof stores)[number];

/** What can befall a store, for a while. */
export const faults = {
  memory: [],
  memcached: ["frozen", "gone"],
  sqlite: ["locked"],
} as const satisfies Record<StoreKind, readonly string[]>;
export type Fault = (typeof faults)[StoreKind][number];

/** So long that only a store that is really gone uses it up. */
const storeTimeout = "1500ms";

/** So long that an answer is never late. */
const dnsTimeout = "20s";

export class World {
  #daemon: DaemonUnderTest | undefined;
  #client: Client | undefined;
  #probes = 0;
  /** What the programs that have ended have logged. */
  #logged = "";

  private constructor(
    private readonly t: Cleanup,
    private readonly clock: Clock,
    private readonly args: readonly string[],
    private readonly memcached: Memcached | undefined,
    private readonly database: string | undefined,
  ) {}

  static async open(t: Cleanup, store: StoreKind, settings: Settings, now: number): Promise<World> {
    const dir = tempDir(t);
    const clock = standingClock(t, now);
    const memcached = store === "memcached"
      ? await startMemcached(t, { clock: monotonicToo(clock) })
      : undefined;
    const database = store === "sqlite" ? path.join(dir, "state.db") : undefined;
    const address = memcached !== undefined
      ? `memcached:${memcached.server}`
      : database !== undefined
      ? `sqlite:${database}`
      : store;
    const dns = settings.spf === "yes" ? await startDnsServer(t, zone) : undefined;
    const args = ["--store", address, "--store-timeout", storeTimeout];
    if (dns !== undefined) args.push("--dns-servers", dns.server, "--dns-timeout", dnsTimeout);
    args.push("--text", "4.2.0 %s", "--header", "X-Greylist: %t");
    for (const [name, text] of Object.entries(lists)) {
      fs.writeFileSync(path.join(dir, name), text);
      args.push(`--${name}`, path.join(dir, name));
    }
    for (const [name, value] of Object.entries(settings)) args.push(`--${name}=${value}`);
    const world = new World(t, clock, args, memcached, database);
    await world.#start();
    return world;
  }

  async ask(mail: Mail, transaction: string): Promise<Answer> {
    return await this.#ask(attributesOf(mail, transaction));
  }

  /** Has a user write, and waits until it is learned, which is after the answer. */
  async write(letter: Letter, teaches: boolean): Promise<void> {
    const answer = await this.#ask(attributesOfLetter(letter));
    if (answer !== "pass") throw new Error(`"${answer}" for a user's letter`);
    const parties = { sender: letter.to.sent, recipient: letter.from.sent };
    const isLearned = async () => {
      const client = answeringClient(this.#probes++);
      return await this.#ask({ ...client, ...parties }) === "pass";
    };
    if (teaches) await waitFor("a letter to be learned", isLearned);
  }

  /** Moves the clock, and sees to it that everybody has noticed. */
  async moveClock(now: number): Promise<void> {
    this.clock.moveTo(now);
    if (this.memcached !== undefined) await untilNoticed(this.memcached, now);
  }

  /** Ends the program and starts it again. */
  async restart(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.#daemon?.stop(signal);
    this.#logged += this.#log();
    await this.#start();
  }

  /** Begins a fault. What it gives ends it, and settles when the program has noticed. */
  async fault(fault: Fault): Promise<() => Promise<void>> {
    const { memcached, database } = this;
    let end: () => void | Promise<void>;
    if (fault === "locked") {
      const holder = new DatabaseSync(database ?? "");
      holder.exec("BEGIN IMMEDIATE");
      end = () => holder.close();
    } else if (fault === "frozen") {
      memcached?.freeze();
      end = () => memcached?.thaw();
    } else {
      await memcached?.stop();
      end = () => memcached?.restart();
    }
    return async () => {
      await end();
      await this.#recovered();
    };
  }

  /** Whatever the program has logged. */
  log(): string {
    return this.#logged + this.#log();
  }

  /** The end of its log. */
  lastLines(): string {
    return this.log().split("\n").slice(-12).join("\n");
  }

  /** What the program that runs has logged. */
  #log(): string {
    return this.#daemon?.stderr() ?? "";
  }

  async #start(): Promise<void> {
    this.#daemon = await startDaemon(this.t, this.args, this.clock.env);
    this.clock.drives(this.#daemon.pid);
    this.#client = await connect(this.t, this.#daemon.endpoints[0]);
  }

  async #ask(attributes: Record<string, string>): Promise<Answer> {
    const reply = await this.#client?.ask(request(attributes), 30_000) ?? "";
    const form = /^action=(?:DEFER_IF_PERMIT 4\.2\.0 (\d+)|PREPEND X-Greylist: (\d+)|DUNNO)\n\n$/;
    const found = form.exec(reply);
    if (found === null) return reply;
    const [, defer, header] = found;
    if (defer !== undefined) return `defer ${defer}`;
    if (header !== undefined) return `header ${header}`;
    return "pass";
  }

  /**
   * Asks about mails that are new, until one is deferred, which needs the store to read and to write, and the
   * log says that it is usable again. After a relapse that takes its time.
   */
  async #recovered(): Promise<void> {
    const end = performance.now() + 90_000;
    const times = (line: string) => this.#log().split(line).length;
    for (;;) {
      // From a client that gets no place in the auto-whitelist.
      const recipient = `probe-${this.#probes++}@example.com`;
      const answer = await this.#ask({
        client_address: probingClient,
        helo_name: "localhost",
        recipient,
      });
      const usable = times(" is usable again") === times(" is not usable");
      if (usable && answer.startsWith("defer ")) return;
      if (performance.now() > end) throw new Error(`the store is not used again:\n${this.log()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
