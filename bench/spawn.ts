/**
 * A start in spawn mode until its first answer, beside a compiled program that does nothing, and what of it is ours: one
 * step after the other is left out. All take turns.
 *
 *     deno task bench:spawn [--rounds 30] [--write]
 *
 * --write puts the table into doc/performance.md.
 */
import { execFileSync } from "node:child_process";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { request } from "../tests/support/greylist.ts";
import { startMemcached } from "../tests/support/memcached.ts";
import { type Cleanup, tempDir, withCleanup } from "../tests/support/process.ts";
import { markdown } from "../tests/support/section.ts";
import { builtFromC, compiled, greylist } from "./build.ts";
import { machine, median, numbers, print, spread, write } from "./report.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "30" },
    write: { type: "boolean", default: false },
  },
});
const [rounds = 0] = numbers("rounds", values.rounds);

/** What may be over an empty program's run, as a ratio. */
const mostToEmpty = 1.3;

await withCleanup(async (t) => {
  const place = await machine(), firstanswer = builtFromC(t, "firstanswer.c");
  const starts = await startsToMeasure(t);
  const times = new Map([...starts.keys()].map((name) => [name, [] as number[]]));
  // The first round fills the kernel's caches.
  for (let round = 0; round <= rounds; round++) {
    for (const [name, { words, input }] of starts) {
      const printed = execFileSync(firstanswer, words, { input, encoding: "latin1" });
      if (round > 0) times.get(name)?.push(Number(printed));
    }
  }
  const empty = times.get("empty") ?? [];
  const rows = [...times].map(([name, each]) => {
    const ratios = each.map((time, round) => time / (empty[round] ?? NaN));
    return [starts.get(name)?.what ?? "", spread(each, 1), median(ratios).toFixed(2)];
  });
  const ratio = Number(rows.at(-1)?.[2]);
  const text = [
    `${place}. Medians of ${rounds} starts in milliseconds, the least and the most in brackets.`,
    markdown([["", "ms", "to an empty program"], ...rows]),
    `To reach: ${mostToEmpty}, ${ratio <= mostToEmpty ? "reached" : "NOT reached"}.`,
  ].join("\n\n");
  print(text);
  if (values.write) write("spawn", text);
});

/** A program that is started, and what it reads. */
interface Start {
  readonly what: string;
  readonly words: readonly string[];
  readonly input: string;
}

/** By name, each with a little more than the one before; the last is the default. */
async function startsToMeasure(t: Cleanup): Promise<Map<string, Start>> {
  const program = greylist(), input = request({ sender: "alice@example.org" });
  const memcached = await startMemcached(t);
  const serving = (store: string) => [...program, "--log", "none", "--store", store];
  const shared = `memcached:${memcached.server}`,
    own = `sqlite:${path.join(tempDir(t), "state.db")}`;
  return new Map([
    ["empty", { what: "an empty program", words: [compiled(t, "empty.ts")], input: "" }],
    ["version", { what: "`greylist --version`", words: [...program, "--version"], input: "" }],
    ["modules", {
      what: "nothing but the modules of spawn mode",
      words: [compiled(t, "modules.ts")],
      input: "",
    }],
    ["configured", {
      what: "configuration, log and store; an answer that needs neither",
      words: serving(shared),
      input: request({ protocol_state: "DATA" }),
    }],
    ["sqlite", { what: "an answer with SQLite", words: serving(own), input }],
    ["memcached", { what: "an answer with Memcached", words: serving(shared), input }],
  ]);
}
