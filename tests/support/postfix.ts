/**
 * A private, real Postfix: its own queue, ports, log and mailboxes in one folder, with the services
 * and settings of this project's postfix/main.cf and postfix/master.cf, and beside them only what a
 * test machine needs otherwise. Needs root.
 *
 * Its clients all connect from 127.0.0.1 and say by XCLIENT who they are. It has two mailboxes, robin
 * and lucas of example.com; a recipient with a number in front (as smtp-source -N makes them) is the
 * same mailbox.
 */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { atEnd, type Cleanup, freePort, waitFor } from "./process.ts";
import { NOBODY } from "./program.ts";

/** The address that `mynetworks` holds: this client never meets greylist. */
export const OWN_CLIENT = "192.0.2.1";

export interface PostfixOptions {
  /** An empty folder, which everyone can enter. */
  readonly dir: string;
  /** greylist's command line in the service `greylist`, in place of the installed program. */
  readonly spawn?: readonly string[];
  /** Further settings, `name=value` as postconf takes them. */
  readonly settings?: readonly string[];
  /** A further service, as lines of master.cf. */
  readonly service?: string;
}

export interface Postfix {
  readonly port: number;
  readonly queueDir: string;
  /** The lines of its mail log. */
  log(): string[];
  /** Those of them that no run of a test should leave behind. */
  complaints(): string[];
  /** The messages that have been delivered to this user. */
  mailbox(user: string): string[];
  /** The processes that run as nobody on behalf of this instance: its greylist children. */
  children(): number[];
  reload(): void;
  stop(): Promise<void>;
}

const complaint = /(warning|error|fatal|panic): | 451 |lost connection|timeout|too many errors/;

/** What cleanup(8) says when a second begins between writing a file and asking for the time. */
const aboutTheClock = /warning: (file system clock is|resetting file time stamps)/;

const project = fileURLToPath(new URL("../../postfix/", import.meta.url));

export async function startPostfix(t: Cleanup, options: PostfixOptions): Promise<Postfix> {
  const { dir } = options;
  const [config, queueDir, data, mail] = ["config", "queue", "data", "mail"].map((name) => {
    fs.mkdirSync(path.join(dir, name), { recursive: true });
    return path.join(dir, name);
  }) as [string, string, string, string];
  const logFile = path.join(dir, "mail.log");
  const port = await freePort();
  // Postfix takes its time with a file that has just been changed: it reads it again and again until a
  // second has passed, in case somebody is still writing.
  const settle = () => {
    for (const name of fs.readdirSync(config)) fs.utimesSync(path.join(config, name), 1e9, 1e9);
  };
  const postconf = (...args: string[]) => {
    settle();
    return execFileSync("postconf", ["-c", config, ...args], { encoding: "latin1" });
  };
  // What it has to say is in the mail log.
  const postfix = (command: string) =>
    execFileSync("postfix", ["-c", config, command], { stdio: "ignore" });

  execFileSync("chown", ["postfix", data]);
  fs.chownSync(mail, NOBODY, NOBODY);
  for (const name of ["main.cf", "master.cf"]) {
    fs.copyFileSync(path.join(project, name), path.join(config, name));
  }
  fs.appendFileSync(path.join(config, "master.cf"), options.service ?? "");
  fs.writeFileSync(
    path.join(config, "mailboxes"),
    ["robin", "lucas"].map((user) => `/^[0-9]*${user}@example\\.com$/ ${user}/\n`).join(""),
  );
  postconf(
    "-e",
    `queue_directory=${queueDir}`,
    `data_directory=${data}`,
    `maillog_file=${logFile}`,
    `maillog_file_prefixes=${dir}`,
    "inet_interfaces=127.0.0.1",
    `mynetworks=${OWN_CLIENT}/32`,
    "smtpd_authorized_xclient_hosts=127.0.0.0/8",
    // Mailboxes in our folder in place of this machine's users. Still a list: reject_unlisted_recipient
    // has something to find a recipient missing from.
    "local_transport=virtual",
    "local_recipient_maps=$virtual_mailbox_maps",
    `virtual_mailbox_maps=regexp:${config}/mailboxes`,
    `virtual_mailbox_base=${mail}`,
    `virtual_uid_maps=static:${NOBODY}`,
    `virtual_gid_maps=static:${NOBODY}`,
    ...options.settings ?? [],
  );
  postconf("-F", `smtp/inet/service=127.0.0.1:${port}`);
  postconf("-M", "postlog/unix-dgram=postlog unix-dgram n - n - 1 postlogd");
  if (options.spawn !== undefined) {
    const service = "greylist/unix/command";
    const command = postconf("-hF", service).trim();
    const ours = command.replace(/user=\S+ argv=.*/, `user=nobody argv=${options.spawn.join(" ")}`);
    if (ours === command) throw new Error(`Cannot put our program into: ${command}`);
    postconf("-F", `${service}=${ours}`);
  }
  settle();

  const children = () => processesOf(dir);
  let master = 0;
  const stop = async () => {
    if (master === 0) return;
    // The same signal as `stop`, which then looks once a second whether it is over.
    postfix("abort");
    await waitFor("the end of Postfix's master process", () => commandLine(master) === "");
    master = 0;
  };
  atEnd(t, async () => {
    await stop();
    const isOver = waitFor("the end of greylist", () => children().length === 0, 2000);
    await isOver.catch(() => children().forEach(kill)); // a test that cares has looked itself
  });
  postfix("start");
  master = Number(fs.readFileSync(path.join(queueDir, "pid/master.pid"), "latin1"));

  const log = () => fs.readFileSync(logFile, "latin1").split("\n").filter((line) => line !== "");
  return {
    port,
    queueDir,
    log,
    complaints: () => log().filter((line) => complaint.test(line) && !aboutTheClock.test(line)),
    mailbox: (user) => {
      const folder = path.join(mail, user, "new");
      if (!fs.existsSync(folder)) return [];
      return fs.readdirSync(folder).map((name) =>
        fs.readFileSync(path.join(folder, name), "latin1")
      );
    },
    children,
    reload: () => postfix("reload"),
    stop,
  };
}

/** The processes of user nobody whose command line names this folder. */
function processesOf(dir: string): number[] {
  return fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    const uid = fs.statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
    return uid === NOBODY && commandLine(pid).includes(dir);
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended by itself.
  }
}

/** The command line of a process; empty for one that has ended, reaped by its parent or not. */
function commandLine(pid: number): string {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return ""; // ENOENT, or ESRCH when it ends while it is read
  }
}
