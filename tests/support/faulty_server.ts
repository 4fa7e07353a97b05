/** Servers that misbehave on purpose, and what speaks Memcached's binary protocol for them. */
import { Buffer } from "node:buffer";
import * as net from "node:net";
import type { Cleanup } from "./process.ts";
import { atEnd } from "./process.ts";

/** One request in the binary protocol, as far as the tests look at it. */
export interface Request {
  readonly opcode: number;
  readonly opaque: number;
  readonly key: string;
}

/** A server that leaves what happens to `behave`, which gets each connection and its number from 0. */
export interface FaultyServer {
  readonly port: number;
  /** How many connections it has seen, and how many are open now. */
  readonly connections: number;
  readonly open: number;
}

export function faultyServer(
  t: Cleanup,
  behave: (socket: net.Socket, connection: number) => void,
): Promise<FaultyServer> {
  const sockets = new Set<net.Socket>();
  let connections = 0;
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("end", () => socket.end());
    socket.on("error", () => {/* the client is free to reset what misbehaves */});
    behave(socket, connections++);
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
        port: address.port,
        get connections() {
          return connections;
        },
        get open() {
          return sockets.size;
        },
      });
    });
  });
}

/** Calls `each` with every whole request that arrives. */
export function onRequest(socket: net.Socket, each: (request: Request) => void): void {
  let buffer = Buffer.alloc(0);
  socket.on("data", (data: Buffer) => {
    buffer = Buffer.concat([buffer, data]);
    while (buffer.length >= 24 && buffer.length >= 24 + buffer.readUInt32BE(8)) {
      const keyStart = 24 + buffer.readUInt8(4);
      const request = {
        opcode: buffer.readUInt8(1),
        opaque: buffer.readUInt32BE(12),
        key: buffer.toString("latin1", keyStart, keyStart + buffer.readUInt16BE(2)),
      };
      buffer = buffer.subarray(24 + buffer.readUInt32BE(8));
      each(request);
    }
  });
}

/** A reply to `request`; with `value`, one that carries it as `get` does. */
export function reply(
  request: { readonly opcode: number; readonly opaque: number },
  options: { readonly value?: string; readonly status?: number; readonly magic?: number } = {},
): Buffer {
  const body = options.value === undefined
    ? Buffer.alloc(0)
    : Buffer.concat([Buffer.alloc(4), Buffer.from(options.value, "latin1")]);
  const head = Buffer.alloc(24);
  head.writeUInt8(options.magic ?? 0x81, 0);
  head.writeUInt8(request.opcode, 1);
  head.writeUInt8(options.value === undefined ? 0 : 4, 4);
  head.writeUInt16BE(options.status ?? 0, 6);
  head.writeUInt32BE(body.length, 8);
  head.writeUInt32BE(request.opaque, 12);
  return Buffer.concat([head, body]);
}

/** The reply of a server that has whatever is asked for: each key's value is `value of KEY`. */
export function honestReply(request: Request): Buffer {
  return request.opcode === 0
    ? reply(request, { value: `${request.key} value of ${request.key}` })
    : reply(request);
}
