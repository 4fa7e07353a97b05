/**
 * The program that the end-to-end tests run: one executable that any user may run, because Postfix
 * starts it as an unprivileged one.
 *
 * With PROGRAM_UNDER_TEST set it is a copy of that file. Otherwise it is a launcher for the source, staged
 * with this process's own runtime in a folder that everyone can read (a checkout below /root is not),
 * under the permissions that the binary has.
 */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { permissions } from "../../tools/compile.ts";
import { type Cleanup, tempDir } from "./process.ts";

/** The user that greylist runs as here. The installed one, `greylist`, need not exist for a test. */
export const NOBODY = 65534;

const root = fileURLToPath(new URL("../../", import.meta.url));
let staged: string | undefined;

/** Not what other processes of Deno, which start meanwhile, make in node_modules/.deno and take away. */
const filter = (from: string) => !path.basename(from).startsWith(".deno.lock");

/** The path of the executable. Made once for a test file, and taken away when its tests are over. */
export function programUnderTest(): string {
  // Not process.on("exit"), which `deno test` does not tell; nor a hook of node:test, which belongs to
  // the test that happens to come first.
  return staged ??= stage(tempDir({ after: (remove) => addEventListener("unload", remove) }));
}

/** The path of an executable that any user may run; gone when the test ends. */
export function stageProgram(t: Cleanup): string {
  return stage(tempDir(t));
}

function stage(dir: string): string {
  const program = path.join(dir, "greylist");
  const binary = process.env["PROGRAM_UNDER_TEST"];
  if (binary !== undefined && binary !== "") {
    fs.copyFileSync(path.resolve(binary), program);
  } else {
    for (const name of ["main.ts", "lib", "deno.json", "node_modules"]) {
      const to = path.join(dir, name);
      fs.cpSync(path.join(root, name), to, { recursive: true, verbatimSymlinks: true, filter });
    }
    fs.copyFileSync(process.execPath, path.join(dir, "runtime"));
    fs.chmodSync(path.join(dir, "runtime"), 0o755);
    fs.mkdirSync(path.join(dir, "cache"));
    fs.chownSync(path.join(dir, "cache"), NOBODY, NOBODY);
    fs.writeFileSync(program, launcher(dir));
  }
  fs.chmodSync(program, 0o755);
  // As the user it will run as: this fills deno's cache, and shows early what that user cannot read.
  execFileSync(program, ["--version"], { uid: NOBODY, gid: NOBODY, cwd: "/", env: {} });
  return program;
}

/** A script that replaces itself by the runtime. `--node-modules-dir=manual`: nobody may not write there. */
function launcher(dir: string): string {
  if (process.versions["bun"] !== undefined) {
    return `#!/bin/sh\nexec ${dir}/runtime ${dir}/main.ts "$@"\n`;
  }
  return [
    "#!/bin/sh",
    `export DENO_DIR=${dir}/cache DENO_NO_UPDATE_CHECK=1`,
    `exec ${dir}/runtime run --quiet --cached-only --no-lock --no-check --node-modules-dir=manual ` +
    `--config ${dir}/deno.json ${permissions.join(" ")} ${dir}/main.ts "$@"`,
    "",
  ].join("\n");
}
