/**
 * The project's compose.yaml, started for a test under a name, ports, volumes and a domain of its own.
 *
 * Runs with whatever is there: `docker compose` or docker-compose, docker or podman; with podman,
 * DOCKER_HOST has to name its API's socket.
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { connect } from "../support/smtp.ts";
import { atEnd, type Cleanup, freePort, waitFor } from "../support/process.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** How a command ended. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  /** Of both, what it said about itself. */
  readonly all: string;
}

/** Runs a command to its end, without the GREYLIST_ and other settings of whoever runs the tests. */
export function run(command: readonly string[], input = ""): Outcome {
  const [program = "", ...args] = command;
  const env: Record<string, string> = {};
  for (const name of ["PATH", "HOME", "DOCKER_HOST", "CONTAINERS_CONF", "XDG_RUNTIME_DIR"]) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: root,
    env,
    input,
    encoding: "utf8",
    maxBuffer: 64 * 1024 ** 2,
  });
  return { status, stdout: stdout ?? "", all: `${stdout}${stderr}${error ?? ""}` };
}

/** Runs a command that must succeed; gives what it printed. */
export function must(command: readonly string[]): string {
  const { status, stdout, all } = run(command);
  if (status !== 0) throw new Error(`${command.join(" ")}: status ${status}\n${all}`);
  return stdout;
}

/** The first of these commands that works. Throws when none does. */
function found(...candidates: (readonly [probe: string[], command: string[]])[]): string[] {
  for (const [probe, command] of candidates) if (run(probe).status === 0) return command;
  throw new Error(`none of these works here: ${candidates.map(([p]) => p.join(" ")).join(", ")}`);
}

let engineFound: string[] | undefined;
let composeFound: string[] | undefined;

/** `docker` or `podman`, with further arguments. */
export function engine(...args: string[]): string[] {
  engineFound ??= found([["docker", "info"], ["docker"]], [["podman", "info"], ["podman"]]);
  return [...engineFound, ...args];
}

/** `docker compose` or docker-compose, with further arguments. */
export function compose(...args: string[]): string[] {
  composeFound ??= found(
    [["docker", "compose", "version"], ["docker", "compose"]],
    [["docker-compose", "version"], ["docker-compose"]],
  );
  return [...composeFound, ...args];
}

/** The project, as one test runs it. */
export interface Stack {
  readonly smtpPort: number;
  readonly domain: string;
  /** Changes variables of .env, for the next command. */
  change(variables: Readonly<Record<string, string>>): void;
  /** `docker compose ARGS`, which must succeed. */
  compose(...args: string[]): string;
  /** The same, however it ends. */
  try(...args: string[]): Outcome;
  /** Runs a command in a service's container; as root unless `user` is given. */
  exec(service: string, command: string, user?: string): string;
  /** Builds, starts everything, and waits until mail is taken. */
  up(): Promise<void>;
  /** Lets clients on this host say by XCLIENT who they are. Only ever done by tests. */
  allowXclient(): Promise<void>;
}

/** Prepares the project with some variables of .env; it is gone, with its volumes, after the test. */
export async function stack(
  t: Cleanup,
  variables: Readonly<Record<string, string>> = {},
): Promise<Stack> {
  const [smtpPort, memcachedPort, daemonPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const domain = "mail.test";
  const env: Record<string, string> = {
    SMTP_LISTEN: `127.0.0.1:${smtpPort}`,
    MAIL_DOMAIN: domain,
    MAIL_HOSTNAME: `mx.${domain}`,
    MEMCACHED_PORT: String(memcachedPort),
    GREYLIST_STORE: `memcached:127.0.0.1:${memcachedPort}`,
    GREYLIST_LISTEN: `inet:127.0.0.1:${daemonPort}`,
    ...variables,
  };
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "greylist-test-"));
  const envFile = path.join(dir, "env");
  const change = (changed: Readonly<Record<string, string>>) => {
    Object.assign(env, changed);
    fs.writeFileSync(envFile, Object.entries(env).map(([name, v]) => `${name}=${v}\n`).join(""));
  };
  change({});
  const project = `greylist-test-${randomBytes(4).toString("hex")}`;
  const command = (...args: string[]) =>
    compose("-f", path.join(root, "compose.yaml"), "-p", project, "--env-file", envFile, ...args);

  atEnd(t, () => {
    try {
      change({ COMPOSE_PROFILES: "daemon" }); // "down" leaves alone what no profile names
      must(command("down", "--volumes", "--timeout", "10"));
    } finally {
      fs.rmSync(dir, { recursive: true });
    }
  });
  const accepts = async (line: string, wanted: string) => {
    try {
      const say = await connect(smtpPort);
      await say("EHLO client.test");
      const accepted = (await say(line)).startsWith(wanted);
      await say("QUIT");
      return accepted;
    } catch {
      // Not up yet: the caller looks again.
      return false;
    }
  };
  const self: Stack = {
    smtpPort,
    domain,
    change,
    compose: (...args) => must(command(...args)),
    try: (...args) => run(command(...args)),
    exec: (service, shell, user = "root") =>
      must(command("exec", "-T", "-u", user, service, "sh", "-c", shell)),
    async up() {
      must(command("up", "-d", "--build"));
      await waitFor("Postfix to take mail", () => accepts("NOOP", "250"), 60_000);
    },
    async allowXclient() {
      self.exec("postfix", "postconf -e smtpd_authorized_xclient_hosts=127.0.0.1; postfix reload");
      await waitFor("XCLIENT", () => accepts("XCLIENT NAME=client.test", "220"));
    },
  };
  return self;
}
