/**
 * The licences of the packages from npm that are bundled in a binary, as their authors want them passed on with it. Which ones
 * those are, the bundle tells: it names the file that each part was made from.
 */
import * as fs from "node:fs";
import * as path from "node:path";

const root = path.resolve(import.meta.dirname ?? ".", "..");

/** Name, version and licence of each bundled package, and the text of its licence. Throws when one is not installed. */
export function noticesOf(binary: string): string {
  const lock = JSON.parse(fs.readFileSync(path.join(root, "deno.lock"), "utf8"));
  const named = fs.readFileSync(binary, "latin1").matchAll(
    /^\/\/ (node_modules\/\.deno\/([^/\n]+)\/node_modules\/(?:@[^/\n]+\/)?[^/\n]+)\//gm,
  );
  // Deno's runtime has parts that are named like that, too. (Behind `_` the lock names versions of peers.)
  const locked = new Set(Object.keys(lock.npm).map((key) => key.replace(/(?<=.@[\d.]+)_.*/, "")));
  const ours = [...named].filter(([, , name = ""]) => locked.has(name.replaceAll("+", "/")));
  return [...new Set(ours.map(([, folder = ""]) => folder))].sort()
    .map((folder) => noticeOf(path.join(root, folder))).join("");
}

function noticeOf(folder: string): string {
  const { name, version, license } = JSON.parse(
    fs.readFileSync(path.join(folder, "package.json"), "utf8"),
  );
  const file = fs.readdirSync(folder).find((name) => /^licen[cs]e(-mit)?(\.\w+)?$/i.test(name));
  if (file === undefined) throw new Error(`${folder}: cannot find the licence of ${name}`);
  const text = fs.readFileSync(path.join(folder, file), "utf8").replaceAll("\r", "").trim();
  return `${name} ${version} (${license})\n\n${text}\n\n${"-".repeat(72)}\n\n`;
}
