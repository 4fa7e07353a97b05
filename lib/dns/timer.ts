/**
 * A time limit for what waits for a socket. When it is over the runtime gets one turn to read what has arrived: when
 * this process was kept from running past the limit, the answer may be there, and nobody else is to blame.
 */
import { setImmediate } from "node:timers";

/** Calls `act` after so long and that turn. Gives the function that prevents it. */
export function afterLastLook(milliseconds: number, act: () => void): () => void {
  let isOver = false;
  const look = () => {
    // Deno looks at its sockets when nothing is due, so an immediate alone is not enough.
    setImmediate(() => setTimeout(() => isOver || act(), 1));
  };
  const timer = setTimeout(look, milliseconds);
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}
