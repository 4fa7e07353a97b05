/**
 * One question to the name servers, and its answer, within a time.
 *
 * - Over UDP, from a socket of its own: its port, which the kernel draws, and a random id are what a forger would
 *   have to guess. What does not come from a server that was asked, or is no answer to the question, is
 *   as if it had not come.
 * - The first server is asked at once; after a quarter and half of the time the next one, or, where there is no
 *   other, the same again: a datagram may have been lost. A server that refuses makes way for the next at once.
 * - An answer that does not fit into a datagram is fetched over TCP.
 *
 * Not node:dns, because its resolvers hide what has to be known here, differently in each runtime: Deno 2.6
 * waits for 15 s whatever it is told, and cannot be stopped; Deno calls SERVFAIL and REFUSED ENOTFOUND, so that
 * an outage looks like an answer; none tells the time to live of a TXT record, an MX, or of "there is none".
 */
import { Buffer } from "node:buffer";
import { randomInt } from "node:crypto";
import * as dgram from "node:dgram";
import * as net from "node:net";
import { type Answer, decodeAnswer, encodeQuestion, type Question } from "./message.ts";
import { isFrom, type NameServer } from "./name_server.ts";
import { afterLastLook } from "./timer.ts";

export interface Reply {
  readonly answer: Answer;
  /** How long it was as a message. */
  readonly bytes: number;
}

/** A question that is being asked. */
export interface Exchange {
  /** Undefined when no answer has come in time. Never rejects. */
  readonly reply: Promise<Reply | undefined>;
  /** Ends it at once. */
  stop(): void;
}

const fewestAttempts = 3;

/** Asks; `servers` are several, in the order in which they are asked. */
export function exchange(
  question: Question,
  servers: readonly NameServer[],
  milliseconds: number,
): Exchange {
  const id = randomInt(0x10000), message = encodeQuestion(id, question);
  const attempts = Math.max(fewestAttempts, servers.length);
  const asked = new Set<NameServer>();
  const datagrams = new Map<4 | 6, dgram.Socket>(), streams = new Map<NameServer, net.Socket>();
  const { promise: reply, resolve } = Promise.withResolvers<Reply | undefined>();
  let attempt = 0, refusal: Reply | undefined, isOver = false;
  const cancel = afterLastLook(milliseconds, () => settle(refusal));
  let nextTimer: ReturnType<typeof setTimeout> | undefined;
  ask();
  return { reply, stop: () => settle(undefined) };

  function settle(result: Reply | undefined): void {
    if (isOver) return;
    isOver = true;
    cancel();
    clearTimeout(nextTimer);
    for (const socket of datagrams.values()) socket.close();
    for (const socket of streams.values()) socket.destroy();
    resolve(result);
  }

  /** Asks the next server, and sees to it that the one after it is asked. */
  function ask(): void {
    clearTimeout(nextTimer);
    const server = servers[attempt % servers.length];
    if (server === undefined || isOver) return;
    if (++attempt < attempts) nextTimer = setTimeout(ask, milliseconds / (attempts + 1));
    asked.add(server);
    // A server that cannot be sent to is one that does not answer.
    socketFor(server.family).send(message, server.port, server.address, () => {});
  }

  function socketFor(family: 4 | 6): dgram.Socket {
    const known = datagrams.get(family);
    if (known !== undefined) return known;
    const socket = dgram.createSocket(family === 4 ? "udp4" : "udp6");
    socket.on("message", (bytes, { address, port }) => {
      const from = [...asked].find((server) => isFrom(server, address, port));
      if (from !== undefined) receive(bytes, from);
    });
    socket.on("error", () => {/* no descriptor, no such network: there will be no answer */});
    datagrams.set(family, socket);
    return socket;
  }

  function receive(bytes: Uint8Array, from: NameServer): void {
    const received = decodeAnswer(bytes, id, question);
    if (received === "truncated") return fetchFrom(from);
    if (received === undefined || isOver) return;
    const reply = { answer: received, bytes: bytes.length };
    if (received.kind !== "refused") return settle(reply);
    refusal = reply;
    if (servers.every((server) => asked.has(server))) settle(refusal);
    else ask();
  }

  /** Over TCP a length of two bytes comes before each message (RFC 1035, 4.2.2). */
  function fetchFrom(server: NameServer): void {
    if (streams.has(server) || isOver) return;
    const socket = net.connect({ host: server.address, port: server.port });
    streams.set(server, socket);
    const length = new Uint8Array([message.length >> 8, message.length & 0xff]);
    socket.on("connect", () => {
      socket.write(length);
      socket.write(message);
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes < 2) return;
      const all = Buffer.concat(chunks), whole = 2 + all.readUInt16BE(0);
      if (bytes < whole) return;
      socket.destroy();
      receive(all.subarray(2, whole), server);
    });
    socket.on("error", () => {/* as if it had not answered */});
  }
}
