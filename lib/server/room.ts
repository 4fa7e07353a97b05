/**
 * How many connections there is room for: each takes a descriptor, and so does each that the runtime accepts
 * before it asks us. Deno 2.9 accepts all that wait at once, also those that come while it does (in a burst more
 * than a hundred, with a queue of 24), and when it runs out of descriptors over it, it accepts nobody until it is woken
 * (listener.ts): so the queue of those that wait has its own share of them.
 */
import * as fs from "node:fs";
import { acceptsInScript } from "./listener.ts";

export interface Room {
  /** Connections at a time. */
  readonly connections: number;
  /** Connections that may wait to be accepted, at all listeners together. */
  readonly queue: number;
}

/** Descriptors for the store, the log, files that are read anew, and connections that came in meanwhile. */
const reservedDescriptors = 64;

/** As nginx and Node have it; Deno 2.6 and Bun know no other. */
const longestQueue = 511;

/**
 * Finds out what there is room for, up to `wanted` connections.
 *
 * @param sockets how many others there may be at a time: those that ask DNS
 */
export function findRoom(wanted: number, sockets = 0): Room {
  const all = wanted + longestQueue + reservedDescriptors + sockets;
  return divide(countDescriptors(all) - sockets, wanted);
}

/** Divides descriptors: with too few of them, an eighth is for the queue. Pure. */
export function divide(descriptors: number, wanted: number): Room {
  const usable = Math.max(2, descriptors - reservedDescriptors);
  const queue = Math.min(longestQueue, Math.max(Math.ceil(usable / 8), usable - wanted));
  return { connections: Math.min(wanted, usable - queue), queue };
}

/** What to give listen(2) for one of `listeners`. */
export function backlogOf(queue: number, listeners: number): number {
  // These take the number for the most connections that there will ever be, and stop accepting there; their
  // queue is 511 long whatever it is, and they survive running out of descriptors.
  if (acceptsInScript) return 2 ** 29;
  return Math.max(1, Math.floor(queue / listeners));
}

/**
 * How many descriptors, up to `wanted`, the process can have. Found out by taking them for a moment: there is
 * no getrlimit(2) in any runtime, and Deno does not let us read it from /proc.
 */
function countDescriptors(wanted: number): number {
  const taken: number[] = [];
  try {
    while (taken.length < wanted) taken.push(fs.openSync("/dev/null", "r"));
    return wanted;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Otherwise there is no /dev/null here, and max-connections alone has to be right.
    return code === "EMFILE" || code === "ENFILE" ? taken.length : wanted;
  } finally {
    for (const descriptor of taken) fs.closeSync(descriptor);
  }
}
