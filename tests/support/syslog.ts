/** Receivers for what programs send to syslog. Needs socat. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { type Cleanup, type Running, start, tempDir, waitFor } from "./process.ts";

/** Whether we may mount, in a name space that nobody else sees. */
export const canMount = spawnSync("unshare", ["--mount", "true"], { stdio: "ignore" }).status === 0;

/** What programs have left in /tmp that leads to a socket. */
export function linksTo(socket: string): string[] {
  return fs.readdirSync("/tmp").map((name) => path.join("/tmp", name)).filter((name) => {
    try {
      return fs.readlinkSync(name) === socket;
    } catch {
      // It is no link, or gone by now.
      return false;
    }
  });
}

/** Something that reads a syslog socket. */
export interface Syslog extends Running {
  /** The socket. */
  readonly path: string;
  /** Every datagram that has come, one right behind the other. */
  received(): string;
}

/** Starts reading a new socket. */
export async function startSyslog(t: Cleanup, at?: string): Promise<Syslog> {
  const socket = at ?? path.join(tempDir(t), "log");
  const running = start(t, "socat", ["-u", `UNIX-RECV:${socket}`, "STDOUT"]);
  await waitFor("the syslog socket", () => fs.existsSync(socket));
  return { ...running, path: socket, received: running.stdout };
}

/** Starts a syslog that is /dev/log for a command behind `wrapper`, and for nobody else. */
export async function startPrivateDevLog(
  t: Cleanup,
): Promise<Syslog & { readonly wrapper: readonly string[] }> {
  const syslog = await startSyslog(t);
  const dir = path.dirname(syslog.path),
    dev = path.join(dir, "dev"),
    script = path.join(dir, "run");
  const devices = ["null", "zero", "random", "urandom"];
  const lines = [
    "set -e",
    `mkdir ${dev}`,
    `mount -t tmpfs none ${dev}`,
    ...devices.map((name) => `: > ${dev}/${name}; mount --bind /dev/${name} ${dev}/${name}`),
    `: > ${dev}/log; mount --bind ${syslog.path} ${dev}/log`,
    `mount --rbind ${dev} /dev`,
    'exec "$@"',
  ];
  fs.writeFileSync(script, lines.join("\n"));
  return { ...syslog, wrapper: ["unshare", "--mount", "sh", script] };
}
