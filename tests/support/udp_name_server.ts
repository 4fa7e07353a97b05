/**
 * UDP name servers of 127.0.0.1 that do with a question what a test wants, and answers as bytes. One that behaves is
 * dns_server.ts.
 */
import { Buffer } from "node:buffer";
import * as dgram from "node:dgram";
import { atEnd, type Cleanup } from "./process.ts";

/** A question that has come, and how to answer it. */
export interface Question {
  readonly bytes: Buffer;
  readonly name: string;
  readonly type: number;
  /** From a socket of the server's, or of another one. */
  send(bytes: Uint8Array, from?: dgram.Socket): void;
}

export interface UdpServer {
  readonly port: number;
  readonly server: string;
  /** The questions that have come, as `NAME TYPE`. */
  readonly asked: string[];
}

/** A UDP server that leaves each question to `behave`. */
export async function startUdpServer(
  t: Cleanup,
  behave: (question: Question) => void,
): Promise<UdpServer> {
  const socket = dgram.createSocket("udp4");
  const asked: string[] = [];
  let isOpen = true;
  socket.on("message", (bytes, peer) => {
    const { name, type } = questionIn(bytes);
    asked.push(`${name} ${type}`);
    const send = (reply: Uint8Array, from = socket) => {
      if (isOpen) from.send(reply, peer.port, peer.address);
    };
    behave({ bytes, name, type, send });
  });
  atEnd(t, () => {
    isOpen = false;
    socket.close();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(0, "127.0.0.1", resolve);
  });
  const { port } = socket.address();
  return { port, server: `127.0.0.1:${port}`, asked };
}

function questionIn(bytes: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = bytes[at] ?? 0; length > 0; length = bytes[at] ?? 0) {
    labels.push(bytes.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join("."), type: bytes.readUInt16BE(at + 1), end: at + 5 };
}

/** A record as bytes: its name (by default the question's), type, time to live, data. */
export function record(
  type: number,
  data: Uint8Array,
  { ttl = 60, name = Buffer.from([0xc0, 12]) }: { ttl?: number; name?: Uint8Array } = {},
): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(1, 2);
  head.writeUInt32BE(ttl, 4);
  head.writeUInt16BE(data.length, 8);
  return Buffer.concat([name, head, data]);
}

/** A name as bytes, without compression. */
export function nameBytes(name: string): Buffer {
  const labels = name.split(".").filter((label) => label !== "");
  return Buffer.concat([
    ...labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, "latin1")]),
    Buffer.from([0]),
  ]);
}

/** The answer to a question, as bytes. */
export function answerTo(
  question: Uint8Array,
  records: readonly Uint8Array[] = [],
  { rcode = 0, truncated = false, id, authorities = [] }: {
    rcode?: number;
    truncated?: boolean;
    id?: number;
    authorities?: readonly Uint8Array[];
  } = {},
): Buffer {
  const asked = Buffer.from(question);
  const { end } = questionIn(asked);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(id ?? asked.readUInt16BE(0), 0);
  head.writeUInt16BE(0x8180 | (truncated ? 0x200 : 0) | rcode, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length, 6);
  head.writeUInt16BE(authorities.length, 8);
  return Buffer.concat([head, asked.subarray(12, end), ...records, ...authorities]);
}
