/**
 * A way to a real Memcached on which replies get lost, late or wrong while a test says so, and what can happen to them
 * there. It knows where a reply of the binary protocol ends, and nothing else.
 */
import { Buffer } from "node:buffer";
import * as net from "node:net";
import { atEnd, type Cleanup } from "./process.ts";

/** What is done with a reply instead of giving it to the program. */
export type Fault = (reply: Buffer, toProgram: net.Socket) => void;

export interface Proxy {
  /** As a store setting names it. */
  readonly server: string;
  /** How many connections the program has made. */
  readonly connections: number;
  /** What happens to replies from now on; by default they arrive. */
  behave(fault?: Fault): void;
}

export function startProxy(t: Cleanup, memcachedPort: number): Promise<Proxy> {
  const sockets = new Set<net.Socket>();
  let connections = 0, fault: Fault | undefined;
  const server = net.createServer((program) => {
    const memcached = net.connect({ host: "127.0.0.1", port: memcachedPort });
    connections++;
    for (const [socket, other] of [[program, memcached], [memcached, program]] as const) {
      sockets.add(socket.setNoDelay(true));
      socket.on("error", () => {/* it closes, too */});
      socket.on("close", () => (sockets.delete(socket), other.destroy()));
    }
    program.on("data", (bytes: Buffer) => memcached.write(bytes));
    let unfinished = Buffer.alloc(0);
    memcached.on("data", (bytes: Buffer) => {
      unfinished = Buffer.concat([unfinished, bytes]);
      while (unfinished.length >= 24 && unfinished.length >= 24 + unfinished.readUInt32BE(8)) {
        const reply = unfinished.subarray(0, 24 + unfinished.readUInt32BE(8));
        unfinished = unfinished.subarray(reply.length);
        if (program.destroyed) continue;
        if (fault === undefined) program.write(reply);
        else fault(reply, program);
      }
    });
  });
  atEnd(t, async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") return reject(new Error("no port"));
      resolve({
        server: `127.0.0.1:${address.port}`,
        get connections() {
          return connections;
        },
        behave: (next) => void (fault = next),
      });
    });
  });
}

/** Each reply takes so long, in milliseconds. */
export function late(milliseconds: number): Fault {
  return wavering(milliseconds, milliseconds);
}

/** They take longer and longer, and then less again; none overtakes another. */
export function wavering(least: number, most: number): Fault {
  let free = 0;
  return (reply, toProgram) => {
    const now = performance.now();
    const share = Math.abs(Math.sin(now / 500));
    free = Math.max(free, now + least + share * (most - least));
    setTimeout(() => toProgram.destroyed || toProgram.write(reply), free - now);
  };
}

export const reset: Fault = (_, toProgram) => void toProgram.resetAndDestroy();

/** Nothing arrives any more. */
export const dropped: Fault = () => {};

/** Half a reply arrives, then the connection ends. */
export const halved: Fault = (reply, toProgram) => {
  toProgram.end(reply.subarray(0, reply.length / 2));
};

export const doubled: Fault = (reply, toProgram) => {
  toProgram.write(Buffer.concat([reply, reply]));
};

/** Two requests that wait get each other's replies; one that waits alone gets its own. */
export function swapped(): Fault {
  const held = new WeakMap<net.Socket, Buffer>();
  const opaque = (reply: Buffer) => reply.readUInt32BE(12);
  const as = (reply: Buffer, other: Buffer) => {
    const copy = Buffer.from(reply);
    copy.writeUInt32BE(opaque(other), 12);
    return copy;
  };
  return (reply, toProgram) => {
    const first = held.get(toProgram);
    if (first !== undefined) {
      held.delete(toProgram);
      toProgram.write(Buffer.concat([as(first, reply), as(reply, first)]));
      return;
    }
    held.set(toProgram, reply);
    setTimeout(() => {
      if (held.get(toProgram) !== reply || toProgram.destroyed) return;
      held.delete(toProgram);
      toProgram.write(reply);
    }, 50);
  };
}

/** Statuses of the binary protocol: what a full, a busy, and a picky server says. */
const refusals = [[0x82, "Out of memory"], [0x85, "Busy"], [0x03, "Too large"]] as const;

/** Whatever is to be written is answered with an error; reads work. */
export function writesRefused(): Fault {
  let writes = 0;
  return (reply, toProgram) => {
    const set = 0x01;
    if (reply.readUInt8(1) !== set) return void toProgram.write(reply);
    const [status, text] = refusals[writes++ % refusals.length] ?? refusals[0];
    const refusal = Buffer.concat([reply.subarray(0, 24), Buffer.from(text)]);
    refusal.writeUInt16BE(status, 6);
    refusal.writeUInt32BE(text.length, 8);
    toProgram.write(refusal);
  };
}

/** A reply of 2 GB is announced, and a part of it comes, as much as the program takes. */
export const endless: Fault = (reply, toProgram) => {
  // There is no end to the first one.
  if (toProgram.listenerCount("drain") > 0) return;
  const head = Buffer.from(reply.subarray(0, 24));
  head.writeUInt8(4, 4);
  head.writeUInt16BE(0, 6);
  head.writeUInt32BE(2 ** 31 - 1, 8);
  toProgram.write(head);
  const chunk = Buffer.alloc(65_536, "x");
  let left = 4096;
  const more = () => {
    while (left-- > 0 && !toProgram.destroyed) {
      if (!toProgram.write(chunk)) return;
    }
  };
  toProgram.on("drain", more);
  more();
};
