/** A list that is given as a folder. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readLists } from "../../../lib/lists/read.ts";
import { readSources, takenFrom } from "../../../lib/lists/sources.ts";
import { filesOf } from "../../support/files.ts";

const folder = (path: string) => [{ path, optional: false }];

test("a folder gives its files that end in .conf or have no ending, in the order of their names", () => {
  const names = [
    ...["b.conf", "10-first", "a", "2.b.conf", "Z", "_x", "w\u00e4hlbar", "a.conf"],
    // What editors, package managers, mounts and people leave behind.
    ...[".a", ".a.conf", ".conf", "..data", "a.conf~", "a~", "#a#", "#a.conf#", ".#a", ".a.swp"],
    ...["a.dpkg-old", "a.conf.dpkg-dist", "a.conf.rpmsave", "a.bak", "a.txt", "a.conf.1", "a."],
  ];
  assert.deepEqual(
    takenFrom("/d/", names),
    ["10-first", "2.b.conf", "Z", "_x", "a", "a.conf", "b.conf", "w\u00e4hlbar"]
      .map((name) => `/d/${name}`),
  );
  assert.deepEqual(takenFrom("/d", ["a"]), ["/d/a"]);
  assert.deepEqual(takenFrom("/", ["a"]), ["/a"]);
});

test("its files add up with other files of the list, and each is named in what is found", async () => {
  const files = filesOf({
    "/own": "own.example\n",
    "/d/20.conf": "# late\nlate.example\nown.example",
    "/d/10": "early.example",
    "/d/10~": "*.old",
  });
  const { lists, problems } = await readLists({
    recipientDelimiter: "+",
    whitelistClients: [...folder("/own"), ...folder("/d/")],
    whitelistSenders: folder("/d"),
    whitelistSendersSpf: [],
    whitelistRecipients: folder("/d"),
    greylistRecipients: folder("/d"),
    autoWhitelistExcept: folder("/d"),
  }, files);
  assert.deepEqual(problems, []);
  const client = (name: string) => {
    const rule = lists.clients.match({ name, address: "192.0.2.1" });
    return rule && `${rule.file}:${rule.line}`;
  };
  assert.equal(client("own.example"), "/own:1");
  assert.equal(client("early.example"), "/d/10:1");
  assert.equal(client("late.example"), "/d/20.conf:2");
  const { senders, recipients, greylisted, neverAutoWhitelisted } = lists;
  for (const list of [senders, recipients, greylisted]) {
    assert.equal(list?.match("a@early.example")?.file, "/d/10");
  }
  const early = { name: "early.example", address: "" };
  assert.equal(neverAutoWhitelisted.match(early)?.file, "/d/10");
});

test("every bad file of it and every bad line is named, all at once", async () => {
  const files = filesOf({
    "/d/1-latin1.conf": "caf\xe9.example",
    "/d/2-unreadable": "",
    "/d/3-bom-and-crlf": "\xef\xbb\xbfgood.example\r\n@bad.example\r\n",
    "/d/4-long": `${"a".repeat(1_000_000)}.example`,
    "/d/5-pattern": "good.example\n/(/",
    "/d/6-folder/x": "*.never-read",
  });
  const { problems, warnings } = await readLists({
    recipientDelimiter: "+",
    whitelistClients: [],
    whitelistSenders: folder("/d"),
    whitelistSendersSpf: [],
    whitelistRecipients: folder("/none"),
    greylistRecipients: [],
    autoWhitelistExcept: [],
  }, {
    ...files,
    readLarge: (path) =>
      path === "/d/2-unreadable"
        ? Promise.reject(new Error("Permission denied"))
        : files.readLarge(path),
  });
  assert.deepEqual(problems.map((problem) => problem.slice(0, 32)), [
    'Cannot read "/d/2-unreadable": P',
    "/d/3-bom-and-crlf:2: Cannot pars",
    "/d/4-long:1: Cannot parse entry:",
    "/d/5-pattern:2: Cannot parse ent",
    'Cannot read "/none": No such fil',
  ]);
  assert.deepEqual(warnings.map((warning) => warning.replace(/: ".*/, "")), [
    "/d/6-folder is a folder in a folder of lists, and not read",
    "/d/1-latin1.conf:1",
  ]);
});

test("a folder that need not be there is passed over, another one is a problem", async () => {
  const none = { path: "/none/", optional: true };
  assert.deepEqual(await readSources([none], filesOf({})), {
    sources: [],
    problems: [],
    warnings: [],
  });
  const { problems } = await readSources([{ ...none, optional: false }], filesOf({}));
  assert.deepEqual(problems, ['Cannot read "/none/": No such file or directory']);
});
