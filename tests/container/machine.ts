/**
 * A Debian 12 with systemd and Postfix, booted in a container of podman, which knows how to do that. It has no network but its
 * own loopback, and is gone when the test ends.
 */
import { type Outcome, run as runHere } from "./compose.ts";
import { atEnd, type Cleanup, waitFor } from "../support/process.ts";

const image = "greylist-test-debian";

// Public images keep services from starting, and leave out documents.
const dockerfile = `FROM docker.io/library/debian:bookworm-slim
RUN export DEBIAN_FRONTEND=noninteractive \\
    && rm -f /usr/sbin/policy-rc.d /etc/dpkg/dpkg.cfg.d/docker* \\
    && apt-get update -q \\
    && echo postfix postfix/main_mailer_type select Local only | debconf-set-selections \\
    && echo postfix postfix/mailname string mx.example.org | debconf-set-selections \\
    && apt-get install -y -q --no-install-recommends systemd systemd-sysv postfix \\
    && rm -rf /var/lib/apt/lists/* \\
    && echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/test
`;

export interface Machine {
  /** Runs a command of the shell as root, however it ends. */
  run(command: string, input?: string): Outcome;
  /** Runs one that must succeed; gives what it printed, without the last end of line. */
  must(command: string, input?: string): string;
  /** Copies a file into it. */
  put(file: string, to: string): void;
}

function podman(args: readonly string[], input = ""): string {
  const { status, stdout, all } = runHere(["podman", ...args], input);
  if (status !== 0) throw new Error(`podman ${args.join(" ")}: status ${status}\n${all}`);
  return stdout;
}

/** Boots one. */
export async function machine(t: Cleanup): Promise<Machine> {
  podman(["build", "--network", "host", "--tag", image, "-"], dockerfile);
  const options = ["--detach", "--systemd=always", "--privileged", "--network", "none"];
  const id = podman(["run", ...options, image, "/sbin/init"]).trim();
  atEnd(t, () => void podman(["rm", "--force", "--time", "1", "--volumes", id]));
  const run = (command: string, input = "") =>
    runHere(["podman", "exec", "--interactive", id, "sh", "-c", command], input);
  const self: Machine = {
    run,
    must(command, input) {
      const { status, stdout, all } = run(command, input);
      if (status !== 0) throw new Error(`${command}: status ${status}\n${all}`);
      return stdout.trimEnd();
    },
    put: (file, to) => void podman(["cp", file, `${id}:${to}`]),
  };
  const booted = () => run("systemctl is-system-running").stdout.trim() === "running";
  await waitFor("systemd to have started everything", booted, 60_000);
  return self;
}
