/** A few thousand inputs for every fuzz target; `deno task fuzz` tries many more. */
import { test } from "node:test";
import { targets } from "./all.ts";

/** Another one each time; fast-check names it when something fails. */
const seed = Math.floor(Math.random() * 2 ** 31);

for (const { name, fewInputs, run } of targets) {
  test(`fuzz: ${name}: ${fewInputs} inputs are treated as they should be`, () =>
    run(fewInputs, seed));
}
