/**
 * Mode spawn: one connection from Postfix on stdin and stdout, as spawn(8) and inetd give it.
 *
 * stdin, stdout and stderr are one and the same socket there. Nothing is ever written to it but replies, not
 * even by accident (main.ts closes that way for uncaught errors); and when Postfix has closed it, the
 * process must be gone at once, whatever the store is doing: before Postfix 3.10 nobody would ever end it.
 */
import { Buffer } from "node:buffer";
import { messageOf } from "../error.ts";
import { Connection, type ConnectionOptions, type Peer, PeerGone } from "./connection.ts";
import { read, writeAll } from "../descriptor.ts";

/**
 * After the end of input, how long requests that have arrived may still take, in milliseconds: longer than
 * the default of store-timeout, and with what else there is to do at the end less than a second.
 */
const graceMilliseconds = 600;

/** smtpd sends at most about 9 kB a request. */
const chunkBytes = 16 * 1024;

/**
 * Serves stdin and stdout until the end of input, or until no request has come for
 * `idleTimeoutMilliseconds`. Settles when the process should exit. Never rejects.
 */
export async function serveSpawn(
  options: ConnectionOptions & { readonly idleTimeoutMilliseconds: number },
): Promise<void> {
  const { log } = options;
  let ended = () => {};
  const over = new Promise<void>((resolve) => ended = resolve);
  let reading = Promise.resolve(), release = () => {};
  const peer: Peer = {
    name: "stdin",
    send: (reply) =>
      writeAll(1, Buffer.from(reply, "latin1")).catch((error: Error) => {
        throw new PeerGone(error.message);
      }),
    pause() {
      if (release === unpaused) reading = new Promise((resolve) => release = resolve);
    },
    resume() {
      release();
      release = unpaused;
    },
    end: () => ended(),
  };
  const unpaused = () => {};
  release = unpaused;
  const connection = new Connection(peer, options);

  const idle = setInterval(() => {
    // Also with a reply that is not taken.
    if (options.now() - connection.lastProgress < options.idleTimeoutMilliseconds) return;
    log.idleTimeout(peer.name);
    ended();
  }, Math.min(options.idleTimeoutMilliseconds, 1000));

  void receiveAll();
  await over;
  clearInterval(idle);

  async function receiveAll(): Promise<void> {
    const chunk = new Uint8Array(chunkBytes);
    try {
      for (;;) {
        const bytes = await read(0, chunk);
        if (bytes === undefined) break;
        connection.receive(Buffer.from(bytes).toString("latin1"));
        await reading;
      }
    } catch (error) {
      log.connectionError(peer.name, messageOf(error));
    }
    connection.finish();
    setTimeout(ended, graceMilliseconds);
  }
}
