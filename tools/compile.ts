/**
 * `deno task compile [FLAGS]`: dist/greylist, one executable for this platform, or for another one with
 * `--target …`; flags go to `deno compile`.
 *
 * The program is bundled first. `deno compile` would otherwise embed all of node_modules, the tests'
 * packages too, and looking the packages up takes 10 ms of each start, which counts in spawn mode. So does
 * reading what a start has no use for: 20 ms for mailauth alone. The bundle is therefore cut into files where
 * the program imports a module only when it needs it. What is embedded is printed.
 *
 * The binary may read and write files, use the network and the environment, and ask for the host's name:
 * that is what the settings can name. (It may also ask for its user: Deno's node:fs does, to look at
 * permissions.) It cannot start programs or load libraries. It keeps no code cache, which would be a file
 * of a guessable name in /tmp that another local user could plant.
 */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import process from "node:process";

/** What the compiled program may do; the tests run the source with the same. */
export const permissions = [
  "--no-prompt",
  "--allow-read",
  "--allow-write",
  "--allow-net",
  "--allow-env",
  "--allow-sys=hostname,uid",
  "--unstable-net",
];

/** Arguments to Deno, before the folder that the bundle goes to and the program's main module. */
export const bundling = "bundle --quiet --platform deno --code-splitting --outdir".split(" ");

/** Before the file that the executable goes to, and the bundle's main module. */
export const compiling = [
  "compile",
  "--no-config",
  // What was bundled has been checked; the bundle itself has no types.
  "--no-check",
  "--no-code-cache",
  "--quiet",
  ...permissions,
  "--output",
];

const root = path.resolve(import.meta.dirname ?? ".", "..");

/**
 * Runs Deno in the project's root; ends this process when it fails. Not by node:child_process: its emulation takes
 * arguments to Deno for arguments to Node and rewrites them.
 */
export function deno(...args: string[]): void {
  const command = new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  });
  const { code } = command.outputSync();
  if (code !== 0) process.exit(code);
}

/**
 * mailauth asks for its own package.json as require("../package"), which `deno bundle` looks for only in modules:
 * gives it one.
 */
export function completeMailauth(): void {
  const file = path.join(root, "node_modules", "mailauth", "package.js");
  fs.writeFileSync(file, 'module.exports = require("./package.json");\n');
}

/** Before this one, a connection that is reset before it is accepted stops a listener for a second. */
const oldestDeno = "2.9";

if (import.meta.main) {
  const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
  if (major < 2 || (major === 2 && minor < 9)) {
    process.stderr.write(
      `Warning: this is Deno ${Deno.version.deno}. For a server that strangers can reach use ` +
        `${oldestDeno} or later.\n`,
    );
  }
  const output = path.join(root, "dist", "greylist");
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "greylist-compile-"));
  try {
    completeMailauth();
    deno(...bundling, folder, "main.ts");
    // `deno compile` embeds these times, and two builds of one commit shall be the same bytes.
    for (const name of fs.readdirSync(folder)) fs.utimesSync(path.join(folder, name), 0, 0);
    fs.mkdirSync(path.dirname(output), { recursive: true });
    deno(...compiling, output, ...process.argv.slice(2), path.join(folder, "main.js"));
    const mib = (...files: string[]) => {
      return (files.reduce((sum, file) => sum + fs.statSync(file).size, 0) / 1024 ** 2).toFixed(1);
    };
    const written = fs.existsSync(output) ? output : `${output}.exe`;
    process.stdout.write(
      `dist/${path.basename(written)}: ${mib(written)} MiB, of which the program is ` +
        `${mib(...fs.readdirSync(folder).map((name) => path.join(folder, name)))} MiB\n`,
    );
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
