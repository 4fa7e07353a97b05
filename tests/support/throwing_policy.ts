/** Spawn mode with a policy that has a bug: `throwing_policy.ts LOGFILE`. For tests. */
import process from "node:process";
import { openLog } from "../../lib/log/log.ts";
import { openDestination } from "../../lib/log/destinations.ts";
import { serveSpawn } from "../../lib/server/spawn.ts";

const path = process.argv[2] ?? "";
const { log, flush } = openLog(await openDestination({ kind: "file", path }, { stamped: false }), {
  threshold: "info",
  format: "text",
});
await serveSpawn({
  policy: () => ({ answer: () => Promise.reject(new TypeError("a bug of the policy")) }),
  log,
  maxRequestSize: 65_536,
  idleTimeoutMilliseconds: 60_000,
  now: () => performance.now(),
});
await flush(1000);
process.exit(0);
