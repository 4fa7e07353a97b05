/**
 * `deno task test:container`: builds the image, starts compose.yaml and sends mail to it; see
 * tests/container/. Needs docker or podman, Compose, swaks, memcached, a static busybox, and root.
 * What is missing is installed on Debian, as root; elsewhere it is named.
 */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";

/** What has to be there, and Debian's packages that have it. */
const needs: readonly { readonly found: () => boolean; readonly packages: readonly string[] }[] = [
  {
    found: () => works("docker", "info") || works("podman", "info"),
    packages: ["podman", "buildah", "crun"],
  },
  {
    found: () => works("docker", "compose", "version") || works("docker-compose", "version"),
    packages: ["docker-compose"],
  },
  { found: () => works("swaks", "--version"), packages: ["swaks"] },
  { found: () => works("memcached", "-V"), packages: ["memcached"] },
  { found: () => fs.existsSync("/bin/busybox"), packages: ["busybox-static"] },
];

function works(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore" }).status === 0;
}

const missing = needs.filter(({ found }) => !found()).flatMap(({ packages }) => packages);
const install = ["apt-get", "install", "-y", "--no-install-recommends", ...missing];
if (missing.length > 0) {
  const able = process.getuid?.() === 0 && fs.existsSync("/usr/bin/apt-get");
  process.stdout.write(
    `${able ? "installing" : "please install, as root"}: ${install.join(" ")}\n`,
  );
  if (!able) process.exit(1);
  for (const args of [["apt-get", "update"], install]) {
    const { status } = spawnSync(args[0] ?? "", args.slice(1), { stdio: "inherit" });
    if (status !== 0) process.exit(1);
  }
}
if (process.getuid?.() !== 0) {
  process.stdout.write("please run as root: one test mounts a /proc\n");
  process.exit(1);
}
const folder = path.resolve(import.meta.dirname ?? ".", "../tests/container");
const args = ["test", "--no-prompt", "--allow-all", ...process.argv.slice(2), folder];
const { code } = new Deno.Command(Deno.execPath(), { args, stdout: "inherit", stderr: "inherit" })
  .outputSync();
process.exit(code);
