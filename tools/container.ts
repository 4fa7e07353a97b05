/**
 * `deno task test:container`: builds the image, starts compose.yaml and sends mail to it; see
 * tests/container/. Needs an engine (docker or podman), Compose, a static busybox, lintian, and root. What is
 * missing is installed on Debian, and named elsewhere; tools/test.ts then runs the tests and counts them.
 */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";

function works(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore" }).status === 0;
}

/** What has to be there, and Debian's packages that have it. */
const needed: readonly { readonly there: () => boolean; readonly packages: readonly string[] }[] = [
  {
    // Beside docker, too: it boots the system that the package is installed on.
    there: () => works("podman", "info"),
    packages: ["podman", "buildah", "crun", "netavark"],
  },
  {
    there: () => works("docker", "compose", "version") || works("docker-compose", "version"),
    packages: ["docker-compose"],
  },
  { there: () => works("lintian", "--version"), packages: ["lintian"] },
  { there: () => fs.existsSync("/bin/busybox"), packages: ["busybox-static"] },
];

const missing = needed.filter(({ there }) => !there()).flatMap(({ packages }) => packages);
const install = `apt-get install -y -q --no-install-recommends ${missing.join(" ")}`;
const root = process.getuid?.() === 0;
if (missing.length > 0 && !root) {
  process.stdout.write(
    `The container test needs ${missing.join(", ")}. As root:\n\n    ${install}\n`,
  );
  process.exit(1);
}
if (!root) {
  process.stdout.write("The container test needs root: it mounts a /proc.\n");
  process.exit(1);
}
if (missing.length > 0) {
  process.stdout.write(`== installing ${missing.join(", ")} from Debian\n`);
  process.env.DEBIAN_FRONTEND = "noninteractive";
  const { status } = spawnSync("sh", ["-c", `apt-get update -q && ${install}`], {
    stdio: "inherit",
  });
  if (status !== 0) process.exit(status ?? 1);
}

// Not node:child_process: its emulation rewrites arguments to Deno.
const { code } = new Deno.Command(Deno.execPath(), {
  args: ["run", "--allow-all", path.join(import.meta.dirname ?? ".", "test.ts"), "tests/container"],
  stdout: "inherit",
  stderr: "inherit",
}).outputSync();
process.exit(code);
