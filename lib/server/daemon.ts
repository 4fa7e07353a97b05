/**
 * Mode daemon: listeners, the connections that live on them, and an end in good order.
 *
 * - A connection that completes no request within idle-timeout is closed: a peer that trickles bytes is
 *   no better than one that sends none.
 * - No more connections are taken than there are descriptors for, whatever max-connections says: a
 *   listener that runs out of them never recovers in some runtimes (Deno 2.9).
 * - At max-connections the connection that has been idle longest makes room, because closing one between
 *   two requests costs smtpd nothing; only when all are at work is a new one refused.
 * - `shutdown` answers what has arrived, and gives up on it after a while.
 * - A unix socket's file is usable by everyone: who may reach it is what its folder is for. A stale one is
 *   replaced, one with a living server behind it is an error. It is removed at the end.
 */
import * as fs from "node:fs";
import * as net from "node:net";
import { Connection, type ConnectionOptions, type Peer, PeerGone } from "./connection.ts";
import { type Endpoint, formatEndpoint } from "../endpoint.ts";

export interface DaemonOptions extends ConnectionOptions {
  readonly listen: readonly Endpoint[];
  readonly maxConnections: number;
  readonly idleTimeoutMilliseconds: number;
}

/** A running daemon. */
export interface Daemon {
  /** Where it listens, with the ports that were really taken. */
  readonly endpoints: readonly Endpoint[];
  /** Accepts nothing more, lets what is in flight finish, for at most `milliseconds`. */
  shutdown(milliseconds: number): Promise<void>;
}

/** Starts listening on every endpoint; rejects, with none left open, when one cannot be had. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const maxConnections = affordableConnections(options.maxConnections);
  if (maxConnections < options.maxConnections) {
    options.log.fewDescriptors(options.maxConnections, maxConnections);
  }
  const live = new Map<Connection, net.Socket>();
  const servers: Listener[] = [];
  let onEmpty = () => {};

  try {
    for (const endpoint of options.listen) servers.push(await listen(endpoint, accept));
  } catch (error) {
    servers.forEach(close);
    throw error;
  }
  for (const { server, endpoint } of servers) {
    server.on("error", (error) => options.log.acceptError(formatEndpoint(endpoint), error.message));
  }
  const sweep = setInterval(closeIdle, Math.min(options.idleTimeoutMilliseconds, 1000));

  return { endpoints: servers.map(({ endpoint }) => endpoint), shutdown };

  function accept(socket: net.Socket): void {
    if (live.size >= maxConnections && !makeRoom()) {
      options.log.tooManyConnections(maxConnections);
      socket.destroy();
      return;
    }
    const peer = peerOf(socket);
    const connection = new Connection(peer, options);
    live.set(connection, socket);
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (bytes: string) => connection.receive(bytes));
    socket.on("end", () => connection.finish());
    socket.on("error", (error) => options.log.connectionError(peer.name, error.message));
    socket.on("close", () => {
      connection.abort();
      live.delete(connection);
      if (live.size === 0) onEmpty();
    });
  }

  /** Closes the connection that has been idle longest; false when none is idle. */
  function makeRoom(): boolean {
    let oldest: Connection | undefined;
    for (const connection of live.keys()) {
      if (connection.busy) continue;
      if (oldest === undefined || connection.lastProgress < oldest.lastProgress) {
        oldest = connection;
      }
    }
    if (oldest === undefined) return false;
    live.get(oldest)?.destroy();
    live.delete(oldest);
    return true;
  }

  function closeIdle(): void {
    const latest = options.now() - options.idleTimeoutMilliseconds;
    for (const [connection, socket] of live) {
      if (connection.lastProgress > latest) continue;
      options.log.idleTimeout(nameOf(socket));
      // Also one that is busy: it does not take its replies.
      socket.destroy();
    }
  }

  async function shutdown(milliseconds: number): Promise<void> {
    clearInterval(sweep);
    servers.forEach(close);
    if (live.size === 0) return;
    const empty = new Promise<void>((resolve) => onEmpty = resolve);
    for (const connection of live.keys()) connection.finish();
    const timer = setTimeout(() => {
      for (const socket of live.values()) socket.destroy();
      onEmpty();
    }, milliseconds);
    await empty;
    clearTimeout(timer);
  }
}

/**
 * As long a queue as the kernel allows (it clamps to somaxconn). Deno 2.6 takes the number for the most
 * connections that there will ever be, and stops accepting there.
 */
const backlog = 2 ** 29;

interface Listener {
  readonly server: net.Server;
  readonly endpoint: Endpoint;
  /** The inode of the unix socket's file. */
  readonly inode?: number;
}

async function listen(endpoint: Endpoint, accept: (socket: net.Socket) => void): Promise<Listener> {
  // Half-open: a peer that has sent its last request still gets the answers.
  const server = net.createServer({ allowHalfOpen: true }, accept);
  try {
    if (endpoint.kind === "unix") await removeStale(endpoint.path);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      const { kind } = endpoint;
      const where = kind === "unix" ? { path: endpoint.path } : endpoint;
      server.listen({ ...where, backlog }, () => (server.off("error", reject), resolve()));
    });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot listen on ${formatEndpoint(endpoint)}: ${problem}`);
  }
  if (endpoint.kind === "unix") {
    fs.chmodSync(endpoint.path, 0o666);
    return { server, endpoint, inode: fs.statSync(endpoint.path).ino };
  }
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : endpoint.port;
  return { server, endpoint: { ...endpoint, port } };
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

/** Stops listening, at once. What `close` calls back when is not to be relied on (Deno 2.6 miscounts). */
function close({ server, endpoint, inode }: Listener): void {
  // The file may be another server's by now: one that was started while we were stopping.
  if (endpoint.kind === "unix") {
    const current = fs.lstatSync(endpoint.path, { throwIfNoEntry: false });
    if (current !== undefined && current.ino !== inode) {
      // Nobody can reach us any more. Bun's close() would remove that other server's file.
      server.unref();
      return;
    }
    fs.rmSync(endpoint.path, { force: true });
  }
  server.close();
}

/** Descriptors for the store, the log, files that are read anew, and connections about to be refused. */
const reservedDescriptors = 64;

/**
 * How many connections, up to `wanted`, the process has descriptors for. Found out by taking them for a
 * moment: there is no getrlimit(2) in any runtime, and Deno does not let us read it from /proc.
 */
function affordableConnections(wanted: number): number {
  const taken: number[] = [];
  try {
    while (taken.length < wanted + reservedDescriptors) taken.push(fs.openSync("/dev/null", "r"));
    return wanted;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Otherwise there is no /dev/null here, and max-connections alone has to be right.
    const outOfThem = code === "EMFILE" || code === "ENFILE";
    return outOfThem ? Math.max(1, taken.length - reservedDescriptors) : wanted;
  } finally {
    for (const descriptor of taken) fs.closeSync(descriptor);
  }
}

function nameOf(socket: net.Socket): string {
  return socket.remoteAddress === undefined
    ? "a unix socket's peer"
    : `${socket.remoteAddress}:${socket.remotePort}`;
}

function peerOf(socket: net.Socket): Peer {
  const name = nameOf(socket);
  return {
    name,
    send(reply) {
      if (socket.destroyed) throw new PeerGone("it closed before its answer");
      if (socket.write(reply, "latin1")) return undefined;
      return new Promise((resolve, reject) => {
        const drained = () => (socket.off("close", gone), resolve());
        const gone = () => (socket.off("drain", drained), reject(new PeerGone("it went away")));
        socket.once("drain", drained);
        socket.once("close", gone);
      });
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    // With what it has not read destroyed: a peer that floods must not keep the socket half open.
    end: () => void socket.end(() => socket.destroy()),
  };
}
