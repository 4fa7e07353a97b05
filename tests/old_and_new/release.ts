/** greylist 0.1.0, from the commit that was released. */
import { execFileSync, spawnSync } from "node:child_process";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { script } from "../support/greylist.ts";
import { type Cleanup, tempDir } from "../support/process.ts";

export const commit = "76b831f8a4efaedfcc3a1af9767e6cb98d18ef11";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A folder with its source, gone when the test ends. */
export function releaseFolder(t: Cleanup): string {
  const { status } = spawnSync("git", ["cat-file", "-e", `${commit}^{commit}`], { cwd: root });
  if (status !== 0) {
    throw new Error(
      `Cannot run greylist 0.1.0 beside this one: commit ${commit} is not in this clone; a shallow ` +
        `one gets it with: git fetch --unshallow`,
    );
  }
  const dir = tempDir(t);
  const wanted = ["main.ts", "lib", "deno.json", "deno.lock"];
  const archive = execFileSync("git", ["archive", commit, ...wanted], { cwd: root });
  execFileSync("tar", ["-x", "-C", dir], { input: archive });
  return dir;
}

/** Words that start it. Its packages come from Deno's cache, or from the registry. */
export function release(t: Cleanup): readonly string[] {
  const dir = releaseFolder(t);
  // Not node:child_process: its emulation rewrites arguments to Deno.
  const install = new Deno.Command(Deno.execPath(), { args: ["install", "--quiet"], cwd: dir });
  const { success, stderr } = install.outputSync();
  if (!success) {
    throw new Error(`Cannot install 0.1.0's packages: ${new TextDecoder().decode(stderr)}`);
  }
  return script(path.join(dir, "main.ts"));
}
