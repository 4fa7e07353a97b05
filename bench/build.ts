/**
 * What the benches run: the compiled greylist, other scripts compiled as it is, and the programs in C.
 *
 * Where this Deno cannot compile (it wants a file of dl.deno.land), DENO says with which command.
 */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { bundling, compiling, completeMailauth } from "../tools/compile.ts";
import { type Cleanup, tempDir } from "../tests/support/process.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Words that start what PROGRAM_UNDER_TEST names, or dist/greylist, compiled anew if it is older than its source. */
export function greylist(): readonly string[] {
  const named = process.env["PROGRAM_UNDER_TEST"];
  if (named) return [path.resolve(named)];
  const binary = path.join(root, "dist", "greylist");
  const made = fs.existsSync(binary) ? fs.statSync(binary).mtimeMs : 0;
  if (newest(["main.ts", "lib", "deno.json", "tools/compile.ts"]) > made) deno("task", "compile");
  return [binary];
}

/** A script of this folder as a program of its own, bundled and compiled as greylist is. */
export function compiled(t: Cleanup, script: string): string {
  const folder = tempDir(t), name = path.basename(script, ".ts"), output = path.join(folder, name);
  completeMailauth();
  deno(...bundling, folder, path.join("bench", script));
  deno(...compiling, output, path.join(folder, `${name}.js`));
  return output;
}

/** A program in C of this folder. */
export function builtFromC(t: Cleanup, source: string): string {
  const output = path.join(tempDir(t), path.basename(source, ".c"));
  execFileSync("cc", ["-O2", "-o", output, path.join(root, "bench", source)], { stdio: "inherit" });
  return output;
}

function deno(...args: string[]): void {
  const [command = "", ...first] = (process.env["DENO"] || process.execPath).split(" ");
  // Through env(1): node:child_process in Deno rewrites the arguments of what it knows to be Deno.
  const stdio = ["ignore", "ignore", "inherit"] as const;
  execFileSync("env", [command, ...first, ...args], { cwd: root, stdio: [...stdio] });
}

/** When the latest of these files, and of those in these folders, was changed. */
function newest(names: readonly string[]): number {
  const times = names.map((name) => {
    const file = path.join(root, name), stat = fs.statSync(file);
    if (!stat.isDirectory()) return stat.mtimeMs;
    return newest(fs.readdirSync(file).map((inner) => path.join(name, inner)));
  });
  return Math.max(...times);
}
