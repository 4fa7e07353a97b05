/**
 * What becomes of a configuration that cannot be used: it is told where somebody will see it.
 *
 * Before Postfix 3.0 a policy server that does not answer holds all mail. So a child of spawn(8) has nothing
 * to say about any of it, until the configuration is mended or Postfix ends it.
 */
import { settings } from "../config/settings.ts";
import { parseDuration, parseSize } from "../config/units.ts";
import { type LogTarget, parseLogTarget } from "../log/target.ts";
import { exitConfig } from "./statuses.ts";
import { standardErrorIsPostfix, tell } from "./terminal.ts";

/** How long, in milliseconds, the last lines may take to be written. */
export const flushMilliseconds = 200;

/** Tells the problems; under spawn(8) to `target`, and lets everything pass. Gives the exit status. */
export async function refuse(problems: readonly string[], target?: LogTarget): Promise<number> {
  if (!standardErrorIsPostfix()) {
    tell([...problems, "see greylist --help"]);
    return exitConfig;
  }
  const { openLog } = await import("../log/open.ts");
  const { openDestination } = await import("../log/destinations.ts");
  const usable = target === undefined || target.kind === "stderr"
    ? parseLogTarget("syslog")
    : target;
  const { log, close } = openLog(
    await openDestination(usable, {
      json: false,
      ident: settings["log-ident"].fallback,
      journalStream: undefined,
    }),
    { threshold: "info", format: "text", now: () => performance.now() },
  );
  for (const problem of problems) log.configurationProblem(problem);
  const { serveSpawn } = await import("../server/spawn.ts");
  await serveSpawn({
    policy: () => ({ answer: () => Promise.resolve({ kind: "dunno" }) }),
    log,
    maxRequestSize: parseSize(settings["max-request-size"].fallback),
    idleTimeoutMilliseconds: parseDuration(settings["idle-timeout"].fallback) * 1000,
    now: () => performance.now(),
  });
  await close(flushMilliseconds);
  return exitConfig;
}
