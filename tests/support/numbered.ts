/** Requests whose replies tell which of them they answer, and what tests of the daemon ask about it. */
import assert from "node:assert/strict";
import { connect, dunno, request } from "./greylist.ts";
import { type Cleanup, type Running, waitFor } from "./process.ts";

/** Arguments with which replies carry the recipient's domain. */
export const numbered = ["--text", "4.2.0 for %r"];
export const numberedRequest = (n: number) => request({ recipient: `bob@r${n}.example` });
export const numberedReply = (n: number) => `action=DEFER_IF_PERMIT 4.2.0 for r${n}.example\n\n`;

/** The usual deferral of a triplet's first attempt. */
export const deferred = /^action=DEFER_IF_PERMIT 4\.2\.0 Greylisted, .*30[01] seconds\n\n$/;

/** 0, 1, … */
export const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

/** Settles when the log says it. */
export const logs = (daemon: Running, text: string | RegExp) =>
  waitFor(`the log to say ${text}`, () => new RegExp(text).test(daemon.stderr()));

/** Asserts that the daemon answers a new connection as it should. */
export async function assertServes(t: Cleanup, endpoint: string | undefined): Promise<void> {
  const client = await connect(t, endpoint);
  assert.equal(await client.ask(request({ protocol_state: "DATA" }), 2000), dunno);
  client.socket.destroy();
}
