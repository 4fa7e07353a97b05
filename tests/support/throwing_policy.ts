/** Spawn mode with a policy that has a bug: `throwing_policy.ts LOGFILE`. For tests. */
import process from "node:process";
import { openLog } from "../../lib/log/open.ts";
import { openDestination } from "../../lib/log/destinations.ts";
import { serveSpawn } from "../../lib/server/spawn.ts";

const path = process.argv[2] ?? "";
const destination = await openDestination(
  { kind: "file", path },
  { json: false, ident: "greylist", journalStream: undefined },
);
const now = () => performance.now();
const { log, flush } = openLog(destination, { threshold: "info", format: "text", now });
await serveSpawn({
  policy: () => ({ answer: () => Promise.reject(new TypeError("a bug of the policy")) }),
  log,
  maxRequestSize: 65_536,
  idleTimeoutMilliseconds: 60_000,
  now,
});
await flush(1000);
process.exit(0);
