/**
 * The same requests to the installed postgrey and to greylist's policy. What they answer differs only
 * where cases.ts says so, and every such difference is explained in doc/from-postgrey.md. So are the settings
 * that give postgrey's ways, which greylist has here unless a setup says otherwise.
 * Needs the Debian package postgrey.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { commands } from "../../lib/commands/commands.ts";
import { readCommandLine } from "../../lib/config/flags.ts";
import { openLog } from "../../lib/log/open.ts";
import { createPolicy } from "../../lib/greylist/policy.ts";
import { Instances } from "../../lib/greylist/instances.ts";
import { Learning } from "../../lib/greylist/learning.ts";
import { encodeAction } from "../../lib/protocol/codec.ts";
import { load, policyOptions } from "../../lib/config/load.ts";
import { MemoryStore } from "../../lib/stores/memory.ts";
import { filesOf } from "../support/files.ts";
import { keptLog } from "../support/log.ts";
import { type Postgrey, startPostgrey } from "../support/postgrey.ts";
import { type Cleanup, waitFor } from "../support/process.ts";
import { type Case, requestFor, type Setup, setups } from "./cases.ts";

const DOCUMENT = new URL("../../doc/from-postgrey.md", import.meta.url);
const EPOCH = 1_700_000_000;

/** The texts that both are told to use, so that answers can be compared to the letter. */
const TEXT = "wait %s s for %r";
const HEADER = "X-Greylist: delayed %t s";

function startPostgreyFor(t: Cleanup, setup: Setup): Promise<Postgrey> {
  return startPostgrey(t, {
    args: [`--greylist-text=${TEXT}`, `--x-greylist-header=${HEADER}`, ...setup.postgrey],
    ...(setup.clients === undefined ? {} : { clients: setup.clients }),
    ...(setup.recipients === undefined ? {} : { recipients: setup.recipients }),
  });
}

/** greylist's side: answers, and everything that it has logged so far. */
interface Greylist {
  ask(attributes: ReadonlyMap<string, string>, now: number): Promise<string | undefined>;
  lines(): Promise<string[]>;
}

/** The policy as the program would set it up with these flags, with a clock set by each request. */
async function startGreylist(setup: Setup): Promise<Greylist> {
  const files: Record<string, string> = {
    "/clients": setup.clients ?? "",
    "/recipients": setup.recipients ?? "",
    "/greylist.conf": setup.byDefault ? "" : postgreysWays(),
  };
  const loaded = await load({
    flags: readCommandLine([
      ...["--config", "/greylist.conf", "--mode", "daemon", "--store", "memory"],
      ...["--text", `4.2.0 ${TEXT}`, "--header", HEADER],
      ...["--whitelist-clients", "/clients", "--whitelist-recipients", "/recipients"],
      ...setup.greylist,
    ], commands),
    env: {},
    ...filesOf(files),
  });
  if ("problems" in loaded) assert.fail(loaded.problems.join("\n"));
  let now = EPOCH;
  const { lines, destination } = keptLog();
  const { log, flush } = openLog(destination, {
    threshold: "info",
    format: "text",
    now: () => now * 1000,
  });
  const store = new MemoryStore(() => now);
  const policy = createPolicy(policyOptions(loaded.setup), {
    store,
    log,
    clock: () => now,
    instances: new Instances(),
    learning: new Learning(store, log),
  });
  return {
    async ask(attributes, at) {
      now = at;
      const reply = encodeAction(await policy.answer(attributes));
      return /^action=(.*)\n\n$/.exec(reply)?.[1];
    },
    async lines() {
      await flush(1000);
      return lines;
    },
  };
}

/** An answer in the short form of cases.ts. */
function shortened(answer: string | undefined, recipient: string): string {
  if (answer === undefined) return "nothing";
  if (answer === "DUNNO") return "pass";
  const domain = recipient.slice(recipient.lastIndexOf("@") + 1);
  const [, header, wait, of] = /^PREPEND X-Greylist: delayed (\d+) s$/.exec(answer) ??
    /^()DEFER_IF_PERMIT 4\.2\.0 wait (\d+) s for (.*)$/.exec(answer) ?? [];
  if (header) return `header ${header}`;
  return wait !== undefined && of === domain && domain !== "" ? `defer ${wait}` : answer;
}

/** The lines about one request that both answered alike: postgrey's name for it, and ours. */
type Pair = readonly [tag: string, line: string | undefined];

async function run(
  number: number,
  { title, steps }: Case,
  postgrey: Postgrey,
  greylist: Greylist,
): Promise<Pair[]> {
  const start = EPOCH + number * 1000 * 86400;
  const pairs: Pair[] = [];
  for (const [i, [at, changes, expected, postgreys]] of steps.entries()) {
    const request = new Map(Object.entries(requestFor(number, i, changes)));
    const recipient = request.get("recipient") ?? "";
    const ask = async (server: Postgrey | Greylist) =>
      // A postgrey that has died refuses the connection: no answer either.
      shortened(await server.ask(request, start + at).catch(() => undefined), recipient);
    const what = `${title}: request ${i + 1}, at ${at} s`;
    assert.equal(await ask(postgrey), postgreys ?? expected, `postgrey, ${what}`);
    assert.equal(await ask(greylist), expected, `greylist, ${what}`);
    const line = (await greylist.lines()).at(-1);
    if (postgreys === undefined) pairs.push([request.get("queue_id") ?? "", line]);
  }
  return pairs;
}

/** The lines of a configuration file that give postgrey's ways, as the document has them. */
function postgreysWays(): string {
  const text = fs.readFileSync(DOCUMENT, "utf8");
  const [, lines] = /^## Postgrey's ways$[^]*?^```\n([^]*?)^```$/m.exec(text) ?? [];
  return lines ?? assert.fail("the document does not have the settings");
}

/** The headings under "Differences" and what stands below each. */
function explanations(): Map<string, string> {
  const text = fs.readFileSync(DOCUMENT, "utf8");
  const [, section = ""] = /^## Differences$([^]*?)(?=^## |$(?![^]))/m.exec(text) ?? [];
  return new Map(
    section.split(/^### /m).slice(1).map((part) => {
      const [title = "", ...body] = part.split("\n");
      return [title, body.join(" ").trim()];
    }),
  );
}

const cases = setups.flatMap((setup) => setup.cases);
const differs = (each: Case) => each.steps.some(([, , , postgreys]) => postgreys !== undefined);

// One test for each setup, because Deno 2.6 has no hooks to share a server between tests.
let number = 0;
for (const setup of setups) {
  const numbered = setup.cases.map((each) => [number++, each] as const);
  test(`${setup.title}, postgrey and greylist answer alike, or differ as told`, async (t) => {
    const postgrey = await startPostgreyFor(t, setup), greylist = await startGreylist(setup);
    const pairs: Pair[] = [];
    for (const [caseNumber, each] of numbered) {
      pairs.push(...await run(caseNumber, each, postgrey, greylist));
    }
    // Where the answers are the same, the lines in the log are.
    for (const [tag, ours] of pairs) {
      await waitFor(`postgrey's line ${tag}`, () => lineOf(postgrey, tag) !== undefined);
      compareLines(lineOf(postgrey, tag) ?? "", ours ?? "");
    }
    if (setup.cases.some(differs)) return;
    const earned = (line: string) => line.startsWith("whitelisted: ");
    assert.deepEqual((await greylist.lines()).filter(earned), postgrey.lines().filter(earned));
  });
}

/** What postgrey has logged about the request with this queue_id, without the queue_id. */
function lineOf(postgrey: Postgrey, tag: string): string | undefined {
  const prefix = `${tag}: `;
  return postgrey.lines().find((line) => line.startsWith(prefix))?.slice(prefix.length);
}

/**
 * postgrey's fields come first and in its order, ours of our own stand behind them. What may differ
 * otherwise is explained under "Log lines" in the document.
 */
function compareLines(theirs: string, ours: string): void {
  // Net::Server writes bytes that are no ASCII as %XX, greylist shows UTF-8 as it is.
  if (/[^ -~]|%[0-9A-F]{2}/.test(theirs)) return;
  // postgrey tells the delay only when it adds the header, greylist for every mail that has waited.
  if (!theirs.includes(", delay=")) ours = ours.replace(/, delay=\d+/, "");
  // To postgrey an attempt in the very second of the first one is new as well.
  if (theirs.includes("reason=new")) ours = ours.replace(/early-retry \(\d+s missing\)/, "new");
  assert.equal(`${ours}, `.slice(0, theirs.length + 2), `${theirs}, `);
}

test("there are at least 40 cases, no title twice in a setup", () => {
  assert.ok(cases.length >= 40, String(cases.length));
  for (const { cases } of setups) {
    assert.equal(new Set(cases.map(({ title }) => title)).size, cases.length);
  }
});

test("a case names a difference if, and only if, an answer differs", () => {
  for (const each of cases) {
    assert.equal(each.difference !== undefined, differs(each), each.title);
    for (const [, , expected, postgreys] of each.steps) assert.notEqual(expected, postgreys);
  }
});

test("every difference is explained, and every explanation has a case", () => {
  const explained = explanations();
  const shown = new Set(cases.flatMap(({ difference }) => difference ?? []));
  assert.deepEqual([...explained.keys()].sort(), [...shown].sort());
  for (const [title, body] of explained) assert.ok(body.length > 80, `${title}: ${body}`);
});
