/**
 * Mode daemon: the connections on all listeners, and an end in good order.
 *
 * - A connection that completes no request within idle-timeout is closed: a peer that trickles bytes is
 *   no better than one that sends none.
 * - At max-connections, or at what there are descriptors for, the connection that has been idle longest makes
 *   room, because closing one between two requests costs smtpd nothing; only when all are at work is a new one
 *   refused.
 * - `shutdown` answers what has arrived, also what has not been read or accepted yet; and gives up on it after
 *   a while.
 */
import * as net from "node:net";
import { Readable } from "node:stream";
import { Connection, type ConnectionOptions, type Peer, PeerGone } from "./connection.ts";
import { type Endpoint, formatEndpoint } from "../endpoint.ts";
import { Watch } from "./hearing.ts";
import { listenOnAll } from "./listener.ts";
import { backlogOf, findRoom } from "./room.ts";

export interface DaemonOptions extends ConnectionOptions {
  readonly listen: readonly Endpoint[];
  readonly maxConnections: number;
  /** How many descriptors to leave for sockets that are no connections. */
  readonly otherSockets: number;
  readonly idleTimeoutMilliseconds: number;
}

/** A running daemon. */
export interface Daemon {
  /** Where it listens, with the ports that were really taken. */
  readonly endpoints: readonly Endpoint[];
  /** How many connections are open. */
  readonly connections: number;
  /** Settles, with the reason, when connections cannot be accepted any more. */
  readonly lost: Promise<Error>;
  /** Accepts nothing more, lets what has arrived be answered, for at most `milliseconds`. */
  shutdown(milliseconds: number): Promise<void>;
}

/** Between two looks for what may still arrive, in milliseconds: a few turns of the event loop. */
const lookMilliseconds = 25;

/** After so many looks all has been read that had arrived before them, but for what was held back. */
const readLooks = 10;

/** Starts listening on every endpoint; rejects, with none left open, when one cannot be had. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { log } = options;
  const room = findRoom(options.maxConnections, options.otherSockets),
    maxConnections = room.connections;
  if (maxConnections < options.maxConnections) {
    log.fewDescriptors(options.maxConnections, maxConnections);
  }
  const live = new Map<Connection, net.Socket>();
  const lost = Promise.withResolvers<Error>();
  const acceptError = (endpoint: Endpoint, problem: string) =>
    log.acceptError(formatEndpoint(endpoint), problem);
  const watch = new Watch({ acceptError, lost: lost.resolve });
  const { listeners, endpoints } = await listenOnAll(options.listen, {
    backlog: backlogOf(room.queue, options.listen.length),
    accept,
    acceptError,
  });
  watch.start(listeners);
  const sweep = setInterval(closeIdle, Math.min(options.idleTimeoutMilliseconds, 1000));

  return {
    endpoints,
    get connections() {
      return live.size;
    },
    lost: lost.promise,
    shutdown,
  };

  function accept(socket: net.Socket): void {
    if (live.size >= maxConnections + watch.probes && !makeRoom()) {
      log.tooManyConnections(maxConnections);
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
    socket.on("error", (error) => log.connectionError(peer.name, error.message));
    socket.on("close", () => {
      connection.abort();
      live.delete(connection);
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
      log.idleTimeout(nameOf(socket));
      // Also one that is busy: it does not take its replies.
      socket.destroy();
    }
  }

  async function shutdown(milliseconds: number): Promise<void> {
    clearInterval(sweep);
    watch.stop();
    const end = options.now() + milliseconds;
    for (let look = 1; live.size > 0 || look <= 2; look++) {
      await new Promise((resolve) => setTimeout(resolve, lookMilliseconds));
      // Not at once: those that the kernel has let in are accepted first.
      if (look === 2) listeners.forEach((listener) => listener.close());
      for (const connection of live.keys()) connection.endWhenQuiet(look > readLooks);
      if (options.now() >= end) break;
    }
    for (const socket of live.values()) socket.destroy();
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
    // Not the socket's own: in Deno 2.6 that gives up the read under way on a unix socket without ending it, and the
    // next one reads into the same buffer. The stream's lets the read end, and begins no other once its buffer is full.
    pause: () => void Readable.prototype.pause.call(socket),
    resume: () => void Readable.prototype.resume.call(socket),
    // With what it has not read destroyed: a peer that floods must not keep the socket half open.
    end: () => void socket.end(() => socket.destroy()),
  };
}
