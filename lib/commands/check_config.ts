/**
 * `greylist check-config`: says what is wrong with the configuration, and what the world lacks that it needs.
 *
 * Status 78 is for what the server itself would refuse. All else is a warning, and the status 0: what starts
 * the server asks this first, and memcached may well come up later. With --strict, warnings are status 1.
 */
import { load } from "../config/load.ts";
import { files } from "../files.ts";
import type { Given } from "./command.ts";
import { refuse } from "./refuse.ts";
import { print, standardErrorIsPostfix, tell } from "./terminal.ts";
import { lacking } from "./world.ts";

export async function checkConfig({ line, env }: Given): Promise<number> {
  const loaded = await load({ flags: line, env, ...files });
  const refused = "problems" in loaded;
  const warnings = refused ? loaded.warnings : [...loaded.warnings, ...await lacking(loaded.setup)];
  if (!standardErrorIsPostfix()) tell(warnings.map((warning) => `warning: ${warning}`));
  if (refused) return await refuse(loaded.problems, loaded.config.log);
  print(
    warnings.length === 0
      ? "the configuration is good"
      : "the configuration can be used; see the warnings",
  );
  return warnings.length > 0 && line.switches.has("strict") ? 1 : 0;
}
