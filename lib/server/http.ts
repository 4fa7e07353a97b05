/**
 * The little of HTTP that a page or two need, bounded in every way: what watches the daemon must not be what brings
 * it down.
 *
 * - One request a connection, which has a few seconds for all of it: a half request ends then, and so does a peer
 *   that does not read.
 * - Some connections at a time. With more of them the oldest makes room, so that a thousand that only sit there keep
 *   nobody out.
 *
 * Not node:http: Deno 2.6 ignores its limits on connections and on time, and neither Deno 2.9 nor Bun ends a half
 * request by its headersTimeout.
 */
import * as net from "node:net";
import type { Endpoint } from "../endpoint.ts";
import type { Page, PageAt } from "../metrics/pages.ts";
import { wake } from "./listener.ts";
import { backlogOf } from "./room.ts";

export interface HttpServer {
  /** With the port that was really taken. */
  readonly endpoint: Endpoint;
  close(): void;
}

const mostConnections = 16;
/** Those that wait to be accepted; the kernel lets more try again after a second, and then longer and longer. */
const longestQueue = 64;
const connectionMilliseconds = 5000;
/** What Prometheus and browsers send is a few hundred bytes. */
const longestHead = 8192;

/** A health check that is not heard would end a daemon that works. */
const wakeMilliseconds = 1000;

const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** Descriptors that it may need: its own, its connections', and those that wait to be accepted. */
export const httpSockets = 1 + mostConnections + longestQueue;

/**
 * Answers GET and HEAD at an endpoint with the page at a path; undefined: there is none. Rejects when it cannot
 * listen.
 */
export async function serveHttp(
  endpoint: Extract<Endpoint, { kind: "inet" }>,
  pageAt: PageAt,
  onError: (error: unknown) => void,
): Promise<HttpServer> {
  /** The oldest first. */
  const open = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const [oldest] = open;
    if (open.size >= mostConnections && oldest !== undefined) end(oldest);
    open.add(socket);
    const timer = setTimeout(() => end(socket), connectionMilliseconds);
    socket.on("error", () => end(socket));
    socket.on("close", () => (clearTimeout(timer), open.delete(socket)));
    let head = "";
    socket.setEncoding("latin1");
    socket.on("data", take);
    // A peer may say that it sends nothing more, and wait for its answer.
    const halfRequest = () => end(socket);
    socket.on("end", halfRequest);

    function take(bytes: string): void {
      head += bytes;
      const isWhole = head.includes("\r\n\r\n");
      if (!isWhole && head.length <= longestHead) return;
      socket.off("data", take);
      socket.off("end", halfRequest);
      socket.resume();
      const answered = isWhole ? answer(head) : Promise.resolve(reply(short(431), true));
      void answered.then((bytes) => socket.end(bytes, () => end(socket)));
    }
  });

  async function answer(head: string): Promise<string> {
    const [, method, target] = /^([A-Z]+) (\S+) HTTP\/1\.[01]\r\n/.exec(head) ?? [];
    if (method === undefined || target === undefined) return reply(short(400), true);
    const withBody = method !== "HEAD";
    if (withBody && method !== "GET") return reply(short(405), true, "Allow: GET, HEAD\r\n");
    try {
      const [path = ""] = target.split("?");
      return reply(await pageAt(path) ?? short(404), withBody);
    } catch (error) {
      onError(error);
      return reply(short(500), withBody);
    }
  }

  function end(socket: net.Socket): void {
    open.delete(socket);
    socket.destroy();
  }

  const { host, port } = endpoint, backlog = backlogOf(longestQueue, 1);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, backlog }, resolve);
  });
  server.on("error", onError);
  const waking = setInterval(() => wake(server, backlog), wakeMilliseconds);
  return {
    endpoint: { ...endpoint, port: (server.address() as net.AddressInfo).port },
    close() {
      clearInterval(waking);
      server.close();
      for (const socket of open) end(socket);
    },
  };
}

function short(status: number): Page {
  return { status, type: "text/plain", body: `${reasons[status]}\n` };
}

function reply({ status, type, body }: Page, withBody: boolean, more = ""): string {
  const bytes = new TextEncoder().encode(body).length;
  return `HTTP/1.1 ${status} ${reasons[status] ?? ""}\r\nContent-Type: ${type}\r\n` +
    `Content-Length: ${bytes}\r\n${more}Connection: close\r\n\r\n${withBody ? body : ""}`;
}
