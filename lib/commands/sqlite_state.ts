/** What commands have in common that go through all that a SQLite file keeps. Nobody can list what Memcached has. */
import * as fs from "node:fs";
import { load, type Setup } from "../config/load.ts";
import { messageOf } from "../error.ts";
import { files } from "../files.ts";
import type { Given } from "./command.ts";
import { refuse } from "./refuse.ts";
import { whyNoState } from "./state.ts";
import { exitNoInput, exitUnavailable } from "./statuses.ts";
import { tell } from "./terminal.ts";

/**
 * Does something with the file of the settings, and gives the exit status: 0; 66, there is no such file; 69, it cannot be
 * read; 78 for the command line, the configuration, and other stores.
 *
 * @param instead what is said of Memcached
 */
export async function withSqliteFile(
  { line, env }: Given,
  instead: string,
  use: (file: string, setup: Setup) => Promise<void>,
): Promise<number> {
  if (line.problems.length > 0) return await refuse(line.problems);
  const loaded = await load({ flags: line, env, ...files });
  if ("problems" in loaded) return await refuse(loaded.problems, loaded.config.log);
  const { setup } = loaded, { store } = setup.config, why = whyNoState(setup.config);
  if (why !== undefined) return await refuse([why]);
  if (store.kind !== "sqlite") {
    return await refuse([`store: ${store.kind} does not list its entries; ${instead}`]);
  }
  if (!fs.existsSync(store.path)) {
    tell([`sqlite:${store.path}: there is no such file`]);
    return exitNoInput;
  }
  try {
    await use(store.path, setup);
    return 0;
  } catch (error) {
    // Whoever reads what is printed has seen enough.
    if (error instanceof Error && "code" in error && error.code === "EPIPE") return 0;
    tell([`sqlite:${store.path}: ${messageOf(error)}`]);
    return exitUnavailable;
  }
}
