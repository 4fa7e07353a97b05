/** Whether a store could be used right now: for who wants to know before the mail does. */
import * as fs from "node:fs";
import * as path from "node:path";
import { messageOf } from "../error.ts";
import { whyNoFileIn } from "../files.ts";
import type { StoreAddress } from "./address.ts";
import { openStore, type StoreOptions } from "./open.ts";

/**
 * What keeps the store from being used by this user, as a text, or undefined when nothing does.
 *
 * - Memcached: every server has to store something and to answer, all at once, within `timeoutMilliseconds`.
 * - SQLite: a file that is there is opened as the server would open it. One that is not there is not
 *   made: an empty file beside it, for a moment, shows whether its directory takes one.
 *
 * Never rejects because of the store. Nothing is left open.
 */
export async function checkStore(
  address: StoreAddress,
  options: Pick<StoreOptions, "timeoutMilliseconds" | "auth">,
): Promise<string | undefined> {
  switch (address.kind) {
    case "memory":
      return undefined;
    case "memcached": {
      const problems = await Promise.all(
        address.servers.map((server) => tryStore({ ...address, servers: [server] }, options)),
      );
      const found = problems.filter((problem) => problem !== undefined);
      return found.length === 0 ? undefined : found.join("; ");
    }
    case "sqlite":
      if (fs.existsSync(address.path)) return await tryStore(address, options);
      return unmade(address.path);
  }
}

async function tryStore(
  address: StoreAddress,
  options: Pick<StoreOptions, "timeoutMilliseconds" | "auth">,
): Promise<string | undefined> {
  try {
    const observer = { down() {}, up() {} };
    const store = await openStore(address, {
      ...options,
      observer,
      clock: () => Date.now() / 1000,
    });
    try {
      await store.ping(performance.now() + options.timeoutMilliseconds);
    } finally {
      await store.close();
    }
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function unmade(file: string): string | undefined {
  const why = whyNoFileIn(path.dirname(file));
  return why === undefined ? undefined : `sqlite:${file}: ${why}`;
}
