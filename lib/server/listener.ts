/**
 * Sockets that are listened on.
 *
 * - `[::]` takes IPv4 as well where net.ipv6.bindv6only is 0, whatever a runtime is told (Deno ignores
 *   ipv6Only). So the wildcards are listened on first, and an address that cannot be had is no error when a
 *   connection to it reaches one of our own listeners: `[::]` and `0.0.0.0`, or an address given twice.
 * - A unix socket's file is usable by everyone: who may reach it is what its folder is for. A stale one is
 *   replaced, one with a living server behind it is an error. It is removed at the end.
 */
import * as fs from "node:fs";
import * as net from "node:net";
import process from "node:process";
import { type Endpoint, formatEndpoint, wildcard } from "../endpoint.ts";
import { messageOf } from "../error.ts";
import { Probe } from "./probe.ts";

/**
 * Whether node:net accepts in script, one by one, as Deno did up to 2.7. Those that came later accept in Rust all that
 * wait, and ask us then.
 */
export const acceptsInScript = /^2\.[0-7]\./.test(process.versions["deno"] ?? "");

export interface ListenerOptions {
  /** How many connections may wait to be accepted. */
  readonly backlog: number;
  readonly accept: (socket: net.Socket) => void;
  readonly acceptError: (endpoint: Endpoint, problem: string) => void;
}

/** Listens on every endpoint; rejects, with none left open, when one cannot be had. */
export async function listenOnAll(
  endpoints: readonly Endpoint[],
  options: ListenerOptions,
): Promise<{ listeners: readonly Listener[]; endpoints: readonly Endpoint[] }> {
  const listeners: Listener[] = [];
  const taken = new Map<Endpoint, Endpoint>();
  try {
    for (const endpoint of endpoints.toSorted((a, b) => breadth(b) - breadth(a))) {
      try {
        const listener = await Listener.open(endpoint, options);
        listeners.push(listener);
        taken.set(endpoint, listener.endpoint);
      } catch (error) {
        if (!await reaches(endpoint, listeners)) throw error;
      }
    }
  } catch (error) {
    for (const listener of listeners) listener.close();
    throw error;
  }
  return { listeners, endpoints: endpoints.map((endpoint) => taken.get(endpoint) ?? endpoint) };
}

function breadth(endpoint: Endpoint): number {
  if (endpoint.kind === "unix") return 0;
  return { "::": 2, "0.0.0.0": 1, specific: 0 }[wildcard(endpoint.host) ?? "specific"];
}

/** How long, in milliseconds, one of our own listeners may take to accept while it starts. */
const reachMilliseconds = 1000;

/** Whether a connection to there is accepted by one of the listeners. */
async function reaches(endpoint: Endpoint, listeners: readonly Listener[]): Promise<boolean> {
  const accepted = () => listeners.reduce((sum, listener) => sum + listener.accepted, 0);
  const before = accepted(), end = performance.now() + reachMilliseconds;
  const probe = new Probe(endpoint);
  while (accepted() === before && probe.state !== "failed" && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  probe.close();
  return accepted() > before;
}

/** A socket that is listened on. */
export class Listener {
  /** With the port that was really taken. */
  endpoint: Endpoint;
  /** How many connections have been accepted. */
  accepted = 0;
  readonly #options: ListenerOptions;
  #server: net.Server | undefined;
  /** The inode of the unix socket's file. */
  #inode: number | undefined;

  private constructor(endpoint: Endpoint, options: ListenerOptions) {
    this.endpoint = endpoint;
    this.#options = options;
  }

  static async open(endpoint: Endpoint, options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(endpoint, options);
    await listener.#listen();
    return listener;
  }

  /** Listens anew; whoever waited to be accepted is lost. Rejects when that cannot be done. */
  async reopen(): Promise<void> {
    this.close();
    // Deno 2.6 removes a unix socket's file some milliseconds after it was closed, whosever it is by then.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await this.#listen();
  }

  /** Has whoever waits accepted, where that is possible (`wake`). */
  wake(): void {
    if (this.endpoint.kind === "inet" && this.#server !== undefined) {
      wake(this.#server, this.#options.backlog);
    }
  }

  async #listen(): Promise<void> {
    const { endpoint } = this;
    const { backlog, accept, acceptError } = this.#options;
    // Half-open: a peer that has sent its last request still gets the answers.
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      this.accepted++;
      accept(socket);
    });
    try {
      if (endpoint.kind === "unix") await removeStale(endpoint.path);
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        const { kind } = endpoint;
        const where = kind === "unix" ? { path: endpoint.path } : endpoint;
        server.listen({ ...where, backlog }, () => (server.off("error", reject), resolve()));
      });
    } catch (error) {
      const problem = messageOf(error);
      throw new Error(`Cannot listen on ${formatEndpoint(endpoint)}: ${problem}`);
    }
    server.on("error", (error) => acceptError(this.endpoint, error.message));
    this.#server = server;
    if (endpoint.kind === "unix") {
      fs.chmodSync(endpoint.path, 0o666);
      this.#inode = fs.statSync(endpoint.path).ino;
      return;
    }
    const address = server.address();
    const port = address !== null && typeof address === "object" ? address.port : endpoint.port;
    this.endpoint = { ...endpoint, port };
  }

  /** Whether the unix socket's file is another server's by now: nobody can reach us any more. */
  get replaced(): boolean {
    if (this.endpoint.kind !== "unix") return false;
    const current = fs.lstatSync(this.endpoint.path, { throwIfNoEntry: false });
    return current !== undefined && current.ino !== this.#inode;
  }

  /** Stops listening, at once. What `close` calls back is not to be relied on (Deno 2.6 miscounts). */
  close(): void {
    // The other server may have been started while we were stopping. Bun's close() would remove its file.
    if (this.replaced) {
      this.#server?.unref();
      return;
    }
    if (this.endpoint.kind === "unix") fs.rmSync(this.endpoint.path, { force: true });
    this.#server?.close();
  }
}

/**
 * Has the runtime look whether somebody waits to be accepted on TCP. In Deno 2.9 (libs/core/uv_compat/tcp.rs) an accept(2)
 * that fails leaves nobody whom the next connection would wake. listen(2) anew on the same socket does, and takes nobody's
 * place in the queue; node:net has no other name for that. Unix sockets refuse it.
 *
 * @param backlog that it listens with
 */
export function wake(server: net.Server, backlog: number): void {
  if (acceptsInScript) return;
  const { _handle } = server as { _handle?: { listen?(backlog: number): number } };
  _handle?.listen?.(backlog);
}

/** Removes the socket file that a server left behind. Rejects when a server still answers on it. */
async function removeStale(path: string): Promise<void> {
  const stats = fs.lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) throw new Error(`${path} is there, and is no socket`);
  const living = await new Promise<boolean>((resolve, reject) => {
    const probe = net.connect({ path });
    probe.once("connect", () => (probe.destroy(), resolve(true)));
    probe.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(false);
      else reject(error);
    });
  });
  if (living) throw new Error("another server is listening there");
  fs.rmSync(path, { force: true });
}
