/**
 * A real postgrey for tests: on a unix socket in a folder of its own, always ended. `ask` sets its clock with
 * each request, through the attribute policy_test_time. Needs the Debian package postgrey.
 */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { atEnd, type Cleanup, memoryFolder, type Running, start } from "./process.ts";
import { tempDir, user, waitFor } from "./process.ts";

const PROGRAM = "/usr/sbin/postgrey";

/** What postgrey is started with. */
export interface PostgreyOptions {
  readonly args?: readonly string[];
  /** The text of its lists; empty when left out. */
  readonly clients?: string;
  readonly recipients?: string;
  /** What env(1) is to set for it. */
  readonly env?: readonly string[];
}

export interface Postgrey {
  /** `unix:/path` */
  readonly endpoint: string;
  readonly pid: number;
  /** Where its database is. */
  readonly folder: string;
  /** Its answer to a request at this time, without `action=`; undefined when it closes instead. */
  ask(attributes: ReadonlyMap<string, string>, now: number): Promise<string | undefined>;
  /** What it has logged so far. It logs before it answers, but a line may arrive a little later. */
  lines(): string[];
  stop(): Promise<void>;
}

/** Starts a postgrey that answers by the time the promise settles. */
export async function startPostgrey(t: Cleanup, options: PostgreyOptions = {}): Promise<Postgrey> {
  if (!fs.existsSync(PROGRAM)) {
    throw new Error(`${PROGRAM} is not there: apt-get install --no-install-recommends postgrey`);
  }
  // Its database waits for the disk at every request.
  const dir = tempDir(t, memoryFolder());
  const socket = path.join(dir, "socket");
  const file = (name: string, text: string) => {
    const whole = path.join(dir, name);
    fs.writeFileSync(whole, Buffer.from(text, "latin1"));
    return whole;
  };
  const { name, group } = user();
  const running = start(t, "env", [
    ...options.env ?? [],
    PROGRAM,
    `--unix=${socket}`,
    `--dbdir=${dir}`,
    `--user=${name}`,
    `--group=${group}`,
    `--whitelist-clients=${file("whitelist_clients", options.clients ?? "")}`,
    `--whitelist-recipients=${file("whitelist_recipients", options.recipients ?? "")}`,
    ...options.args ?? [],
  ]);
  atEnd(t, () => stopNetServer(running, socket));
  await waitFor("postgrey to listen", () => canConnect(socket)).catch((error) => {
    throw new Error(`${error.message}\n${running.stderr()}`);
  });
  return {
    endpoint: `unix:${socket}`,
    pid: running.pid,
    folder: dir,
    ask: (attributes, now) => ask(socket, attributes, now),
    lines: () => running.stderr().split("\n").slice(0, -1),
    stop: () => stopNetServer(running, socket),
  };
}

/** Ends a Net::Server: a signal that comes just before it waits for requests is only seen with the next request. */
export async function stopNetServer(running: Running, socket: string): Promise<void> {
  const waking = setInterval(() => void canConnect(socket), 200);
  await running.stop();
  clearInterval(waking);
}

/** Rarely, Deno reports neither success nor failure while a server is about to listen: ask again. */
export function canConnect(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = net.connect(socket);
    const settle = (connected: boolean) => {
      clearTimeout(timer);
      connection.destroy();
      resolve(connected);
    };
    const timer = setTimeout(() => settle(false), 500);
    connection.once("connect", () => settle(true)).once("error", () => settle(false));
  });
}

/** One request on a connection of its own. */
function ask(
  socket: string,
  attributes: ReadonlyMap<string, string>,
  now: number,
): Promise<string | undefined> {
  const lines = [...attributes, ["policy_test_time", String(now)]].map((pair) => pair.join("="));
  return new Promise((resolve, reject) => {
    const connection = net.connect(socket);
    const settle = (then: () => void) => {
      clearTimeout(timer);
      connection.destroy();
      then();
    };
    const timer = setTimeout(
      () => settle(() => reject(new Error("postgrey neither answers nor closes"))),
      10_000,
    );
    let answer = "";
    connection.setEncoding("latin1").on("data", (text: string) => {
      answer += text;
      const [, action] = /^action=(.*)\n\n$/.exec(answer) ?? [];
      if (action !== undefined) settle(() => resolve(action));
    });
    connection.once("error", (error) => settle(() => reject(error)));
    for (const event of ["end", "close"]) {
      connection.once(event, () => settle(() => resolve(undefined)));
    }
    connection.write(lines.join("\n") + "\n\n", "latin1");
  });
}
