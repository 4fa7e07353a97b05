/**
 * `deno run -A tests/old_and_new/make_fixtures.ts`: writes the fixtures, which are what 0.1.0 has in its store
 * after it was asked what scene.ts says: its SQLite file, and for Memcached the keys and values, line by line.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { monotonicToo, standingClock } from "../support/clock.ts";
import { connect, request, startDaemon } from "../support/greylist.ts";
import { startMemcached } from "../support/memcached.ts";
import { tempDir, withCleanup } from "../support/process.ts";
import { dump } from "../support/memcached_text.ts";
import { release } from "./release.ts";
import { asked, began } from "./scene.ts";

const fixtures = fileURLToPath(new URL("fixtures", import.meta.url));

await withCleanup(async (t) => {
  const old = release(t);
  const clock = standingClock(t, began);
  const memcached = await startMemcached(t, { clock: monotonicToo(clock) });
  const database = path.join(tempDir(t), "state.db");
  for (const store of [`memcached:${memcached.server}`, `sqlite:${database}`]) {
    clock.moveTo(began);
    const daemon = await startDaemon(t, ["--store", store], clock.env, old);
    clock.drives(daemon.pid);
    const client = await connect(t, daemon.endpoints[0]);
    for (const { at, attributes } of asked) {
      clock.moveTo(at);
      await client.ask(request(attributes));
    }
    await daemon.stop();
  }
  fs.mkdirSync(fixtures, { recursive: true });
  fs.copyFileSync(database, path.join(fixtures, "0.1.0.db"));
  fs.writeFileSync(path.join(fixtures, "0.1.0.memcached"), await dump(memcached.port));
});
