/** `greylist check-config`: says what is wrong with the configuration. */
import { load } from "../config/load.ts";
import { files } from "../files.ts";
import type { Given } from "./command.ts";
import { refuse } from "./refuse.ts";
import { print } from "./terminal.ts";

export async function checkConfig({ line, env }: Given): Promise<number> {
  const loaded = await load({ flags: line, env, ...files });
  if ("problems" in loaded) return await refuse(loaded.problems, loaded.log);
  print("the configuration is good");
  return 0;
}
