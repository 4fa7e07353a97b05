/**
 * A real postgrey for tests: on a unix socket in a folder of its own, with a clock that each request
 * sets through its attribute policy_test_time, always ended. Needs the Debian package postgrey.
 */
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { type Cleanup, start, waitFor } from "./process.ts";

const PROGRAM = "/usr/sbin/postgrey";

/** What postgrey is started with. */
export interface PostgreyOptions {
  readonly args?: readonly string[];
  /** The text of its lists; empty when left out. */
  readonly clients?: string;
  readonly recipients?: string;
}

export interface Postgrey {
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
  // In memory where that is possible: its database waits for the disk at every request.
  const memory = "/dev/shm";
  const dir = fs.mkdtempSync(
    path.join(fs.existsSync(memory) ? memory : os.tmpdir(), "greylist-test-"),
  );
  const socket = path.join(dir, "socket");
  const file = (name: string, text: string) => {
    const whole = path.join(dir, name);
    fs.writeFileSync(whole, Buffer.from(text, "latin1"));
    return whole;
  };
  const running = start(t, PROGRAM, [
    `--unix=${socket}`,
    `--dbdir=${dir}`,
    `--user=${id("-un")}`,
    `--group=${id("-gn")}`,
    `--whitelist-clients=${file("whitelist_clients", options.clients ?? "")}`,
    `--whitelist-recipients=${file("whitelist_recipients", options.recipients ?? "")}`,
    ...options.args ?? [],
  ]);
  // After its end, and not before: it writes until then.
  t.after(async () => {
    await running.stop();
    fs.rmSync(dir, { recursive: true, force: true });
  });
  await waitFor("postgrey to listen", () => canConnect(socket)).catch((error) => {
    throw new Error(`${error.message}\n${running.stderr()}`);
  });
  return {
    ask: (attributes, now) => ask(socket, attributes, now),
    lines: () => running.stderr().split("\n").slice(0, -1),
    stop: async () => void await running.stop(),
  };
}

/** What id(1) says; os.userInfo() of Bun only knows what the environment says. */
function id(option: string): string {
  return execFileSync("id", [option], { encoding: "utf8" }).trim();
}

/** Rarely, Deno reports neither success nor failure while postgrey is about to listen: ask again. */
function canConnect(socket: string): Promise<boolean> {
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
