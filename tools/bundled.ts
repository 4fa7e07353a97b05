/**
 * Which packages from npm an executable is made of, far fewer than those that are installed. The bundle in it tells: it names
 * the file that each part was made from.
 */
import * as fs from "node:fs";
import * as path from "node:path";

const root = path.resolve(import.meta.dirname ?? ".", "..");

/** A package, by its package.json. */
export interface Package {
  /** Where it is installed. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** Its key in deno.lock: `name@version`, and `_peer@version` behind it for each peer that it was given. */
  readonly key: string;
}

/** The parts of deno.lock that count here. */
export interface Lock {
  readonly npm: Readonly<
    Record<string, { readonly integrity: string; readonly dependencies?: readonly string[] }>
  >;
  readonly workspace: { readonly dependencies: readonly string[] };
}

export function readLock(): Lock {
  return JSON.parse(fs.readFileSync(path.join(root, "deno.lock"), "utf8"));
}

/** The packages in an executable, by their names in order. Throws when one is not installed. */
export function packagesIn(executable: string): Package[] {
  const source =
    /^\/\/ (node_modules\/\.deno\/([^/\n]+)\/node_modules\/(?:@[^/\n]+\/)?[^/\n]+)\//gm;
  const parts = new Map<string, string>();
  for (const [, folder = "", id = ""] of fs.readFileSync(executable, "latin1").matchAll(source)) {
    parts.set(id.replaceAll("+", "/"), path.join(root, folder));
  }
  const keys = Object.keys(readLock().npm);
  return [...parts].sort(([a], [b]) => a < b ? -1 : 1).flatMap(([id, folder]) => {
    const key = keys.find((key) => key === id || key.startsWith(`${id}_`));
    // Deno's runtime has parts that are named like that, too.
    if (key === undefined) return [];
    const manifest = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
    const { name, version, license } = manifest;
    return { folder, key, name, version, license };
  });
}
