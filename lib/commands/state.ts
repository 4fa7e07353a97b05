/**
 * The state, for commands that look into it or change it beside the server.
 *
 * - With `store = memory` only the daemon has it.
 * - A command that root runs must not lock the server out of a SQLite file. SQLite sees to the files that it makes
 *   beside that one (`-wal`, `-shm`): when it is root, it gives them to the owner of the file (os_unix.c,
 *   findCreateFileMode). What is left is the file itself, where a command makes it: it goes to its folder's owner.
 * - The process stays root's. Deno has setuid(2), but to allow it takes an `--allow-sys` without a list (2.9 does not
 *   know its name), and so every one of these permissions for the server, too.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import type { Setup } from "../config/load.ts";
import { openStore, type StoreOptions } from "../stores/open.ts";
import type { Store } from "../stores/store.ts";

/** Why a command cannot get at the state; undefined if it can. */
export function whyNoState({ store }: Pick<Setup["config"], "store">): string | undefined {
  if (store.kind !== "memory") return undefined;
  return "store = memory: only the daemon itself has its state; want memcached or sqlite";
}

/**
 * Opens the state, where there is no reason against it. Rejects with a StoreError.
 *
 * @param how what else its store has to know, beside the settings
 */
export async function openState(
  { config, secrets }: Pick<Setup, "config" | "secrets">,
  how: Partial<Pick<StoreOptions, "observer" | "bulk">> = {},
): Promise<Store> {
  const file = config.store.kind === "sqlite" ? config.store.path : undefined;
  const made = file !== undefined && !fs.existsSync(file) ? file : undefined;
  try {
    return await openStore(config.store, {
      timeoutMilliseconds: config.storeTimeout * 1000,
      observer: { down() {}, up() {} },
      clock: () => Date.now() / 1000,
      keyPrefix: config.keyPrefix,
      copies: config.storeCopies,
      ...(secrets.memcached === undefined ? {} : { auth: secrets.memcached }),
      ...how,
    });
  } finally {
    if (made !== undefined) giveToFoldersOwner(made);
  }
}

/** How many copies of an entry the state has. */
export function copiesKept({ store, storeCopies }: Setup["config"]): number {
  return store.kind === "memcached" ? Math.min(storeCopies, store.servers.length) : 1;
}

/** A file that root has just made, with what SQLite has made beside it. */
function giveToFoldersOwner(file: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = fs.statSync(path.dirname(file));
  for (const name of [file, `${file}-wal`, `${file}-shm`]) {
    // A link there may lead to a file that is nobody's to give. (lchown(2) is not in every runtime.)
    if (fs.lstatSync(name, { throwIfNoEntry: false })?.isFile()) fs.chownSync(name, uid, gid);
  }
}
