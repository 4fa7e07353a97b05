/**
 * The servers that are compared: each starts knowing nothing, with its defaults, and goes by a faked clock.
 * Only greylist is also asked about what users write, as its learn-correspondents wants.
 */
import { type Clock, fakedClock } from "../support/clock.ts";
import { startDnsServer } from "../support/dns_server.ts";
import { connect, startDaemon } from "../support/greylist.ts";
import { startPostgrey } from "../support/postgrey.ts";
import type { Cleanup } from "../support/process.ts";
import { startSqlgrey } from "../support/sqlgrey.ts";
import { type Outcome, play } from "./play.ts";
import type { Case } from "./traffic.ts";
import { goodList, zoneOf } from "./zone.ts";

/** Starts a server that goes by this clock, for a case. */
export type Contender = (t: Cleanup, clock: Clock, each: Case) => Promise<{
  readonly endpoint: string | undefined;
  readonly pid: number;
  /** Whether it is asked about users' letters, too. */
  readonly learns?: boolean;
}>;

/** The program under test, with its state in memory. */
export const greylist: Contender = async (t, clock) => {
  const { endpoints, pid } = await startDaemon(t, ["--learn-correspondents"], clock.env);
  return { endpoint: endpoints[0], pid, learns: true };
};

/** The same with settings that ask DNS (zone.ts), or more than its defaults otherwise. */
const greylistWith = (settings: readonly string[]): Contender => async (t, clock, each) => {
  const { server } = await startDnsServer(t, zoneOf(each));
  // A busy machine is not what is measured here.
  const patience = ["--dns-timeout", "20s"];
  const args = ["--learn-correspondents", "--dns-servers", server, ...patience, ...settings];
  const { endpoints, pid } = await startDaemon(t, args, clock.env);
  return { endpoint: endpoints[0], pid, learns: true };
};

/** What asking changes: each by itself, under the name of its column. */
export const asking: ReadonlyMap<string, Contender> = new Map([
  ["SPF", greylistWith(["--spf"])],
  ["DNSWL", greylistWith(["--dnswl", `${goodList}>=1`])],
  ["suspicious", greylistWith(["--greylist", "suspicious"])],
]);

/** Its first release, which these words start. */
export const released = (words: readonly string[]): Contender => async (t, clock) => {
  const { endpoints, pid } = await startDaemon(t, [], clock.env, words);
  return { endpoint: endpoints[0], pid };
};

export const postgrey: Contender = (t, clock) => startPostgrey(t, { env: clock.env });

export const sqlgrey: Contender = (t, clock) => startSqlgrey(t, clock.env);

/** Starts a server and plays a case on it. */
export async function playOn(t: Cleanup, contender: Contender, each: Case): Promise<Outcome> {
  const clock = fakedClock(t);
  const { endpoint, pid, learns } = await contender(t, clock, each);
  clock.drives(pid);
  const client = await connect(t, endpoint);
  const server = { ask: client.ask, moveTo: clock.moveTo };
  return await play(each.mails, server, learns ? each.letters : []);
}
