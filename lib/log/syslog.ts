/**
 * The local syslog, as syslog(3) speaks to it: datagrams to /dev/log, facility mail.
 *
 * The one module that needs Deno itself: `node:` has no unix datagram sockets. Where they are missing
 * (under Bun), opening says so with an error, and whoever opened decides what to do instead.
 *
 * Deno has only bound datagram sockets, so ours is bound to a name of its own, which is taken away at
 * once: nobody ever writes back.
 *
 * Deno 2.9 lets only a program with all permissions name anything in /dev, and ours may not start programs
 * or load libraries. Sending to a socket does neither: where /dev/log is refused, it is named through a
 * link of ours, which exists while the datagram is on its way.
 */
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as net from "node:net";
import type { LogLevel } from "@logtape/logtape";
import type { Destination } from "./log.ts";

/** syslog(3): LOG_MAIL is 2 << 3. */
const mailFacility = 2 << 3;

/** syslog(3): the severities. */
const severities: Readonly<Record<LogLevel, number>> = {
  fatal: 2,
  error: 3,
  warning: 4,
  info: 6,
  debug: 7,
  trace: 7,
};

/** A datagram longer than this is cut: rsyslog's own default limit is 8 KiB. */
const maxMessageBytes = 8000;

const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** `<22>Nov 22 07:51:01 greylist[123]: line`, as glibc writes it: no host name, local time. */
export function syslogMessage(
  line: string,
  level: LogLevel,
  ident: string,
  pid: number,
  at: Date,
): Uint8Array {
  const day = String(at.getDate()).padStart(2);
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((n) => String(n).padStart(2, "0")).join(":");
  const priority = mailFacility + severities[level];
  const message = `<${priority}>${months[at.getMonth()]} ${day} ${time} ${ident}[${pid}]: ${line}`;
  return new TextEncoder().encode(message).subarray(0, maxMessageBytes);
}

/** Sends to the socket at `path`; opens its own at the first line, and again after a failure. */
export function syslogDestination(path: string, ident: string, pid: number): Destination {
  let socket: Deno.DatagramConn | undefined;
  let send = sendTo;
  return {
    async write(line, level) {
      socket ??= bindAnywhere();
      const message = syslogMessage(line, level, ident, pid, new Date());
      try {
        try {
          await send(socket, message, path);
        } catch (error) {
          if (send !== sendTo || !(error instanceof Deno.errors.NotCapable)) throw error;
          send = sendThroughLink;
          await send(socket, message, path);
        }
      } catch (error) {
        socket.close();
        socket = undefined;
        throw error;
      }
    },
    close: () => socket?.close(),
  };
}

/**
 * Why this user cannot log to the datagram socket at `path`; undefined if nothing speaks against it. Nothing is
 * sent: a stream that is to be connected to a datagram socket is refused for its type (EPROTOTYPE), but only
 * after it has been found, may be written to, and has somebody behind it.
 */
export async function checkSyslog(path: string): Promise<string | undefined> {
  try {
    bindAnywhere().close();
    return await throughLink(path, (link) => refusalOf(link, path));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function refusalOf(link: string, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = net.connect({ path: link });
    probe.once("connect", () => (probe.destroy(), resolve(`${path} is no datagram socket`)));
    probe.once("error", ({ code }: NodeJS.ErrnoException) => {
      if (code === "ENOENT" || code === "ENOTDIR") resolve(`${path} is not there`);
      else if (code === "EACCES" || code === "EPERM") resolve(`${path} may not be written to`);
      else if (code === "ECONNREFUSED") resolve(`nobody listens on ${path}`);
      // EPROTOTYPE; Deno 2.6 does not know its name.
      else resolve(undefined);
    });
  });
}

async function sendTo(
  socket: Deno.DatagramConn,
  message: Uint8Array,
  path: string,
): Promise<void> {
  await socket.send(message, { transport: "unixpacket", path });
}

async function sendThroughLink(
  socket: Deno.DatagramConn,
  message: Uint8Array,
  path: string,
): Promise<void> {
  await throughLink(path, (link) => sendTo(socket, message, link));
}

/** Has `use` called with another name of `path`, which is there until it settles. */
async function throughLink<T>(path: string, use: (link: string) => Promise<T>): Promise<T> {
  const link = inSomeFolder((name) => (fs.symlinkSync(path, name), name));
  try {
    return await use(link);
  } finally {
    fs.unlinkSync(link);
  }
}

// A child of spawn(8) has no TMPDIR and may run as a user who can write hardly anywhere.
const folders = ["/tmp", "/var/tmp", "/dev/shm", "."];

function bindAnywhere(): Deno.DatagramConn {
  if (typeof Deno === "undefined" || Deno.listenDatagram === undefined) {
    throw new Error("syslog needs unix datagram sockets, which this runtime does not have");
  }
  return inSomeFolder((path) => {
    const socket = Deno.listenDatagram({ transport: "unixpacket", path });
    fs.unlinkSync(path);
    return socket;
  });
}

/** Makes something at a path that nobody can guess, in the first folder where that works. */
function inSomeFolder<T>(make: (path: string) => T): T {
  const problems: string[] = [];
  for (const folder of folders) {
    try {
      return make(`${folder}/.greylist-${randomUUID()}`);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(`Cannot make a file in ${folders.join(", ")}: ${problems.join("; ")}`);
}
