/**
 * The local syslog, as syslog(3) speaks to it: datagrams to /dev/log, facility mail.
 *
 * The one module that needs Deno itself: `node:` has no unix datagram sockets. Where they are missing
 * (under Bun), opening says so with an error, and whoever opened decides what to do instead.
 *
 * Deno has only bound datagram sockets, so ours is bound to a name of its own, which is taken away at
 * once: nobody ever writes back.
 *
 * While nobody reads a socket that is full, Deno tries to send again and again, at 100 % of a core, and nothing
 * ends that, not even closing its own socket. But each try looks up the path. So the path is a link of ours,
 * which is there while lines are on their way, and for a moment at most: without it the next try fails. What may
 * be left is the link of a process that is killed within that moment.
 *
 * The link has another use: Deno 2.9 lets only a program with all permissions name anything in /dev, and ours
 * may not start programs or load libraries. Sending to a socket does neither.
 */
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as net from "node:net";
import { messageOf } from "../error.ts";
import type { Destination, Level } from "./queue.ts";

/** syslog(3): LOG_MAIL is 2 << 3. */
const mailFacility = 2 << 3;

/** syslog(3): the severities. */
const severities: Readonly<Record<Level, number>> = {
  error: 3,
  warning: 4,
  info: 6,
  debug: 7,
};

/** A datagram longer than this is cut: rsyslog's own default limit is 8 KiB. */
const maxMessageBytes = 8000;

const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

const encoder = new TextEncoder();

/** A message's bytes. */
export function datagram(message: string): Uint8Array {
  return encoder.encode(message).subarray(0, maxMessageBytes);
}

/** `<22>Nov 22 07:51:01 greylist[123]: line`, as glibc writes it: no host name, local time. */
export function syslogMessage(
  line: string,
  level: Level,
  ident: string,
  pid: number,
  at: Date,
): string {
  const day = String(at.getDate()).padStart(2);
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((n) => String(n).padStart(2, "0")).join(":");
  const priority = mailFacility + severities[level];
  return `<${priority}>${months[at.getMonth()]} ${day} ${time} ${ident}[${pid}]: ${line}`;
}

/** How long, in milliseconds, lines may be on their way before the socket counts as stuck. */
const sendMilliseconds = 20;

/** Sends to the socket at `path`; opens its own at the first line, and again after a failure. */
export function syslogDestination(path: string, ident: string, pid: number): Destination {
  let socket: Deno.DatagramConn | undefined, link: Link | undefined;
  return {
    frame: (line, level, at) => syslogMessage(line, level, ident, pid, at),
    async write(frames) {
      let sent = 0, stuck = false;
      socket ??= bindAnywhere();
      const { name, remove } = link = linkTo(path);
      const timer = setTimeout(() => (stuck = true, remove()), sendMilliseconds);
      try {
        for (const frame of frames) {
          await socket.send(datagram(frame), {
            transport: "unixpacket",
            path: name,
          });
          sent++;
        }
      } catch (error) {
        if (stuck) return sent;
        socket.close();
        socket = undefined;
        if (sent === 0) throw error;
      } finally {
        clearTimeout(timer);
        remove();
      }
      return sent;
    },
    close() {
      link?.remove();
      socket?.close();
    },
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
    const link = linkTo(path);
    return await refusalOf(link.name, path).finally(link.remove);
  } catch (error) {
    return messageOf(error);
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

interface Link {
  readonly name: string;
  /** Does nothing when it is gone. */
  remove(): void;
}

/** Another name of `path`. */
function linkTo(path: string): Link {
  const name = inSomeFolder((name) => (fs.symlinkSync(path, name), name));
  return { name, remove: () => fs.rmSync(name, { force: true }) };
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
      problems.push(messageOf(error));
    }
  }
  throw new Error(`Cannot make a file in ${folders.join(", ")}: ${problems.join("; ")}`);
}
