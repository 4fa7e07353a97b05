/**
 * Turns at the event loop, for connections that have more to do than one request.
 *
 * Not by setImmediate: Deno runs up to 61 rounds of immediates, or of timers that are due, before it looks at its
 * sockets again (tokio's event interval). It looks when nothing is due: so all that wait share one timer, and
 * a few of them at a time go on when it fires.
 */
import { setImmediate } from "node:timers";

/** How many go on at a time. The others' answers are late by as many turns. */
const atATime = 2;

const waiting: (() => void)[] = [];
let armed = false;

/** Settles when everybody else had a chance to be read, answered and accepted. */
export function nextTurn(): Promise<void> {
  arm();
  return new Promise((resolve) => void waiting.push(resolve));
}

function arm(): void {
  if (armed) return;
  armed = true;
  // The timer counts from when those that just went on have had their turns, or it would be due by then.
  setImmediate(() => setTimeout(release, 1));
}

function release(): void {
  armed = false;
  for (const goOn of waiting.splice(0, atATime)) goOn();
  if (waiting.length > 0) arm();
}
