/**
 * `deno task fuzz [TARGET]…`: many inputs for every target, or for those named; ends with status 1 at the first
 * target that fails, with its shortest input.
 *
 *     SEED=1234 deno task fuzz codec       the same inputs again
 *     INPUTS=1000000 deno task fuzz codec  more of them, or less
 */
import process from "node:process";
import { report } from "../support/report.ts";
import { targets } from "./all.ts";

/** For each target; with the dozen that there are, more than a million in all. */
const manyInputs = 100_000;

const seed = Number(process.env["SEED"] || Math.floor(Math.random() * 2 ** 31));
const inputs = Number(process.env["INPUTS"] || manyInputs);
const asked = process.argv.slice(2);
const chosen = targets.filter(({ name }) => asked.length === 0 || asked.includes(name));
const unknown = asked.filter((name) => !targets.some((target) => target.name === name));
if (unknown.length > 0 || !Number.isSafeInteger(seed) || !(inputs > 0)) {
  say(`Cannot fuzz ${unknown.join(", ")}: want SEED and INPUTS to be numbers, and targets from`);
  say(`"${targets.map(({ name }) => name).join('", "')}"`);
  process.exit(1);
}
say(`seed ${seed}, ${inputs} inputs for each target`);
const rows: (readonly [string, number, number])[] = [];
for (const { name, run } of chosen) {
  const began = performance.now();
  try {
    await run(inputs, seed);
  } catch (error) {
    say(`${name}: failed\n${error instanceof Error ? `${error.message}\n${error.cause}` : error}`);
    process.exit(1);
  }
  const seconds = Math.round((performance.now() - began) / 1000);
  rows.push([name, inputs, seconds]);
  say(`${name}: ${inputs} inputs in ${seconds} s`);
}
const all = `${inputs * chosen.length} inputs in all, seed ${seed}`;
say(`${all}; each was treated as it should be`);
report("fuzz", `${all}.`, [["what", "inputs", "seconds"], ...rows]);
process.exit(0);

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
