/**
 * Where the time of a request goes: the daemon's source under load with V8's profiler, in microseconds a request for each
 * stage, and the functions that take most themselves.
 *
 *     deno task profile [--stores memory,memcached] [--kinds fresh,known] [--seconds 5] [--top 40] [--write]
 *
 * A sample belongs to the stage of the innermost function on the stack that has one: what the runtime and packages
 * do is counted for whoever asked for it. Idle is what the daemon waits for the load, for Memcached, and for others on this
 * machine. --write puts the table into doc/performance.md.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { script } from "../tests/support/greylist.ts";
import { freePort, withCleanup } from "../tests/support/process.ts";
import { markdown } from "../tests/support/section.ts";
import { builtFromC } from "./build.ts";
import { type Profile, type ProfileNode, Profiler } from "./profiler.ts";
import { chosen, machine, numbers, print, write } from "./report.ts";
import { type Kind, kinds, load, makeKnown, usualPool } from "./run_load.ts";
import { startGreylist, type StoreName, stores } from "./servers.ts";

const { values } = parseArgs({
  options: {
    stores: { type: "string", default: "memory,memcached" },
    kinds: { type: "string", default: "fresh,known" },
    seconds: { type: "string", default: "5" },
    top: { type: "string", default: "40" },
    write: { type: "boolean", default: false },
  },
});
const [seconds = 0] = numbers("seconds", values.seconds), [top = 0] = numbers("top", values.top);
const connections = 50;
const root = fileURLToPath(new URL("../", import.meta.url));

const stages = [
  "read and parse",
  "identity and hashes",
  "lists",
  "store requests",
  "store replies",
  "decision",
  "reply",
  "log",
  "runtime",
  "garbage collector",
  "idle",
] as const;
type Stage = typeof stages[number];

/** The files of a stage, and the functions in them; the first that fits counts. */
const places: readonly (readonly [file: RegExp, name: RegExp, stage: Stage])[] = [
  [/^lib\/protocol\/reply\.ts/, /^/, "reply"],
  [/^lib\/protocol\//, /encode/i, "reply"],
  [/^lib\/server\//, /send|write|flush|reply|answered/i, "reply"],
  [/^lib\/(protocol|server)\//, /^/, "read and parse"],
  [/^lib\/lists\//, /^/, "lists"],
  [/^lib\/(identity\/|address\.ts|recent\.ts)/, /^/, "identity and hashes"],
  [/^lib\/log\/|\/logtape\//, /^/, "log"],
  [
    /^lib\/stores\/|\/memjs\//,
    /receive|respon|repl(y|ies)|pars|decode|settle|data|heard|take|done/i,
    "store replies",
  ],
  [/^lib\/stores\/|\/memjs\//, /^/, "store requests"],
  [/^lib\/|^main\.ts/, /^/, "decision"],
];

/** The time of a profile, and the requests that were answered meanwhile. */
interface Measured {
  readonly profile: Profile;
  readonly requests: number;
}

const columns = new Map<string, Map<Stage, number>>();
const place = await machine();
for (const store of chosen("stores", values.stores, stores)) {
  for (const kind of chosen("kinds", values.kinds, kinds)) {
    const times = selfTimes(await measured(store, kind));
    const byStage = sums(times, ({ stage }) => stage);
    columns.set(`${store}, ${kind}`, byStage);
    const functions = [...sums(times, ({ name, stage }) => `${name} (${stage})`)];
    const most = functions.sort(([, a], [, b]) => b - a).slice(0, top);
    print(`\n${store}, ${kind}: the functions that take most, in µs a request`);
    for (const [name, time] of most) print(`${time.toFixed(2).padStart(8)}  ${name}`);
  }
}
const text = [
  `${place}. Deno ${Deno.version.deno} with the source, ${connections} connections, log = none; microseconds a request.`,
  markdown([
    ["", ...columns.keys()],
    ...[...stages].map((stage) => row(stage, (times) => times.get(stage) ?? 0)),
    row("all but idle", (times) => total(times) - (times.get("idle") ?? 0)),
    row("together", total),
  ]),
].join("\n\n");
print(`\n${text}`);
if (values.write) write("profile", text);

function row(title: string, of: (times: Map<Stage, number>) => number): string[] {
  return [title, ...[...columns.values()].map((times) => of(times).toFixed(1))];
}

function total(times: Map<Stage, number>): number {
  return [...times.values()].reduce((sum, time) => sum + time, 0);
}

function measured(store: StoreName, kind: Kind): Promise<Measured> {
  return withCleanup(async (t) => {
    const port = await freePort(), policyload = builtFromC(t, "policyload.c");
    const [deno = "", run = "", ...rest] = script("main.ts");
    const program = [deno, run, `--inspect=127.0.0.1:${port}`, ...rest];
    const server = await startGreylist(t, program, store, "none");
    if (kind !== "fresh") await makeKnown(policyload, new Map([[server, usualPool]]));
    const ask = (seconds: number, seed: number) =>
      load(policyload, server.endpoint, { connections, kind, pool: usualPool, seconds, seed });
    // Until V8 has compiled what is hot.
    await ask(2, 1);
    const profiler = await Profiler.connect(port);
    await profiler.start();
    const { count } = await ask(seconds, 2);
    return { profile: await profiler.stop(), requests: count };
  });
}

/** What a place took itself, in microseconds a request. */
interface SelfTime {
  readonly name: string;
  readonly stage: Stage;
  readonly time: number;
}

function selfTimes({ profile: { nodes, samples, timeDeltas }, requests }: Measured): SelfTime[] {
  const parents = new Map<number, ProfileNode>();
  for (const node of nodes) for (const child of node.children ?? []) parents.set(child, node);
  const times = new Map<number, number>();
  samples.forEach((id, n) => times.set(id, (times.get(id) ?? 0) + (timeDeltas[n] ?? 0)));
  return nodes.map((node) => {
    const { functionName, lineNumber } = node.callFrame;
    return {
      name: `${functionName || "(anonymous)"} ${fileOf(node)}:${lineNumber + 1}`,
      stage: stageOf(node, parents),
      time: (times.get(node.id) ?? 0) / requests,
    };
  });
}

function stageOf(node: ProfileNode, parents: ReadonlyMap<number, ProfileNode>): Stage {
  if (node.callFrame.functionName === "(garbage collector)") return "garbage collector";
  if (node.callFrame.functionName === "(idle)") return "idle";
  for (let at: ProfileNode | undefined = node; at !== undefined; at = parents.get(at.id)) {
    const file = fileOf(at), { functionName } = at.callFrame;
    const place = places.find(([files, names]) => files.test(file) && names.test(functionName));
    if (place !== undefined) return place[2];
  }
  return "runtime";
}

/** From the root of the checkout, or the runtime's own name for it. */
function fileOf({ callFrame: { url } }: ProfileNode): string {
  return url.replace(`file://${root}`, "").replace(/^node_modules\/\.deno\/[^/]+\//, "");
}

function sums<Key>(times: readonly SelfTime[], by: (time: SelfTime) => Key): Map<Key, number> {
  const all = new Map<Key, number>();
  for (const each of times) all.set(by(each), (all.get(by(each)) ?? 0) + each.time);
  return all;
}
