import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { readLists } from "../../../lib/lists/read.ts";
import { reload, reloadLists, type Rereading, watchFiles } from "../../../lib/server/reload.ts";
import { commands } from "../../../lib/commands/commands.ts";
import { readCommandLine } from "../../../lib/config/flags.ts";
import { load, type Setup } from "../../../lib/config/load.ts";
import { filesOf } from "../../support/files.ts";
import { recordingLog } from "../../support/policy.ts";
import { atEnd, tempDir, waitFor } from "../../support/process.ts";

/** What reading finds when these are all the files there are. */
function readingFrom(files: Readonly<Record<string, string>>): Rereading {
  const readable = filesOf(files);
  const flags = readCommandLine(["--config", "/conf", "--mode", "daemon"], commands);
  return {
    everything: () => load({ flags, env: {}, ...readable }),
    lists: (config) => readLists(config, readable),
  };
}

const loadFrom = (files: Readonly<Record<string, string>>) => readingFrom(files).everything();

async function setupFrom(files: Readonly<Record<string, string>>): Promise<Setup> {
  const loaded = await loadFrom(files);
  assert.ok("setup" in loaded, JSON.stringify(loaded));
  return loaded.setup;
}

test("a reload takes what the table of settings marks as reloadable", async () => {
  const { log, events } = recordingLog();
  const before = await setupFrom({ "/conf": "delay = 5m\n" });
  const after = await reload(
    before,
    readingFrom({ "/conf": "delay = 1m\ntext = Later\n" }),
    log,
  );
  assert.equal(after?.config.delay, 60);
  assert.equal(after?.config.text, "Later");
  assert.deepEqual(events, [["reloaded", "configuration"]]);
});

test("what only a restart can change stays as it was, and the log names it", async () => {
  const { log, events } = recordingLog();
  const before = await setupFrom({ "/conf": "" });
  const files = { "/conf": "store = memory\nlisten = inet:127.0.0.1:1\ndelay = 1m\n" };
  const after = await reload(before, readingFrom(files), log);
  assert.deepEqual(after?.config, { ...before.config, delay: 60 });
  assert.deepEqual(events, [["restartWanted", ["listen", "store"]], ["reloaded", "configuration"]]);
});

test("the servers of the store can change at a reload, but not its kind", async () => {
  const { log, events } = recordingLog();
  const before = await setupFrom({ "/conf": "store = memcached:a,b\n" });
  const more = { "/conf": "store = memcached:a,b,c\nstore-copies = 3\n" };
  const after = await reload(before, readingFrom(more), log);
  assert.ok(after?.config.store.kind === "memcached" && after.config.store.servers.length === 3);
  assert.equal(after.config.storeCopies, 3);
  assert.deepEqual(events, [["reloaded", "configuration"]]);
  for (const store of ["sqlite:/a.db", "memory"]) {
    const other = await reload(after, readingFrom({ "/conf": `store = ${store}\n` }), log);
    assert.deepEqual(other?.config.store, after.config.store);
    assert.deepEqual(events.at(-2), ["restartWanted", ["store"]]);
    const file = await setupFrom({ "/conf": `store = ${store}\n` });
    assert.deepEqual((await reload(file, readingFrom(more), log))?.config.store, file.config.store);
    assert.deepEqual(events.at(-2), ["restartWanted", ["store"]]);
  }
});

test("with a problem anywhere nothing is taken, and every problem is told", async () => {
  const { log, events } = recordingLog();
  const before = await setupFrom({ "/conf": "whitelist-clients = /list\n", "/list": "" });
  const bad = { "/conf": "delay = soon\nmood = good\n", "/list": "" };
  assert.equal(await reload(before, readingFrom(bad), log), undefined);
  const [method, problems] = events[0] ?? [];
  assert.equal(method, "reloadRefused");
  assert.deepEqual((problems as string[]).map((problem) => problem.slice(0, 8)), [
    "/conf:2:",
    "/conf:1:",
  ]);
});

test("a list with lines that cannot be read is not taken, and all of them are told", async () => {
  const { log, events } = recordingLog();
  const conf = { "/conf": "whitelist-clients = /list\n" };
  const before = await setupFrom({ ...conf, "/list": "example.org\n" });
  const bad = { ...conf, "/list": "example.org\n192.0.2.300\nfine.example\n/(a/\n" };
  assert.equal(await reload(before, readingFrom(bad), log), undefined);
  const problems = (events[0]?.[1] ?? []) as string[];
  assert.match(problems[0] ?? "", /^\/list:2: Cannot parse entry: want .*, got "192\.0\.2\.300"$/);
  assert.match(problems[1] ?? "", /^\/list:4: Cannot parse entry: want .*, got "\/\(a\/"$/);
  assert.equal(problems.length, 2);
  assert.ok(before.lists.clients.match({ name: "mx.example.org", address: "" }));
});

test("a list that is missing is a problem, unless it is marked as optional", async () => {
  const missing = await loadFrom({
    "/conf": "whitelist-clients = /a, ?/b\ngreylist-recipients = /c",
  });
  assert.deepEqual("problems" in missing && missing.problems, [
    `Cannot read "/a": No such file or directory`,
    `Cannot read "/c": No such file or directory`,
  ]);
});

test("a new list is used after the reload", async () => {
  const { log } = recordingLog();
  const conf = { "/conf": "whitelist-clients = /list\n" };
  const before = await setupFrom({ ...conf, "/list": "" });
  const after = await reload(before, readingFrom({ ...conf, "/list": "example.org\n" }), log);
  const client = { name: "mx.example.org", address: "192.0.2.1" };
  assert.equal(before.lists.clients.match(client), undefined);
  assert.deepEqual(after?.lists.clients.match(client), {
    file: "/list",
    line: 1,
    text: "example.org",
  });
});

test("when only the lists are read again, the settings stay as they are", async () => {
  const { log, events } = recordingLog();
  const conf = "whitelist-clients = /list\n";
  const before = await setupFrom({ "/conf": conf, "/list": "" });
  const files = { "/conf": `${conf}delay = 1m\n`, "/list": "example.org\n" };
  const after = await reloadLists(before, readingFrom(files), log);
  assert.equal(after?.config, before.config);
  assert.ok(after?.lists.clients.match({ name: "example.org", address: "" }));
  assert.deepEqual(events, [["reloaded", "lists"]]);
  const bad = { ...files, "/list": "300.0.0.1\n" };
  assert.equal(await reloadLists(before, readingFrom(bad), log), undefined);
  assert.equal(events.at(-1)?.[0], "reloadRefused");
});

test("of a list that is a folder every change is noticed: new files, changed ones, and those that go", async (t) => {
  const folder = path.join(tempDir(t), "senders.d");
  fs.mkdirSync(folder);
  // Folders in it, each of which has both again.
  for (const name of ["again", "and-again"]) fs.symlinkSync(".", path.join(folder, name));
  const at = (name: string) => path.join(folder, name);
  let changes = 0;
  atEnd(t, watchFiles(() => [folder], () => void changes++, 20));
  const steps: readonly (readonly [what: string, step: () => void])[] = [
    ["a new file", () => fs.writeFileSync(at("10-people.conf"), "alice@example.org\n")],
    ["a changed file", () => fs.writeFileSync(at("10-people.conf"), "bob@example.org, too\n")],
    ["another one, of the same size", () => {
      fs.writeFileSync(at("new"), "eve@example.org, too\n");
      fs.renameSync(at("new"), at("10-people.conf"));
    }],
    ["a name that is left alone", () => fs.renameSync(at("10-people.conf"), at("10-people.conf~"))],
    ["the old name again", () => fs.renameSync(at("10-people.conf~"), at("10-people.conf"))],
    ["a file that goes", () => fs.rmSync(at("10-people.conf"))],
    ["the folder itself", () => fs.rmSync(folder, { recursive: true })],
  ];
  for (const [what, step] of steps) {
    const before = changes;
    step();
    await waitFor(`${what} to be noticed`, () => changes > before);
    assert.equal(changes, before + 1, `${what} is one change`);
  }
});
