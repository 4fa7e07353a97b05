/**
 * The servers that are compared: each starts knowing nothing, with its defaults, and goes by a faked clock.
 * Only greylist is also asked about what users write, as its learn-correspondents wants.
 */
import { type Clock, fakedClock } from "../support/clock.ts";
import { connect, startDaemon } from "../support/greylist.ts";
import { startPostgrey } from "../support/postgrey.ts";
import type { Cleanup } from "../support/process.ts";
import { startSqlgrey } from "../support/sqlgrey.ts";
import { type Outcome, play } from "./play.ts";
import type { Case } from "./traffic.ts";

/** Starts a server that goes by this clock. */
export type Contender = (t: Cleanup, clock: Clock) => Promise<{
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
  const { endpoint, pid, learns } = await contender(t, clock);
  clock.drives(pid);
  const client = await connect(t, endpoint);
  const server = { ask: client.ask, moveTo: clock.moveTo };
  return await play(each.mails, server, learns ? each.letters : []);
}
