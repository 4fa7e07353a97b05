/** That ours has what is in postgrey's list, or does not need it: a line for each of its entries (debian.tsv). */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { identifyClient } from "../../../lib/identity/client.ts";
import { readClientList } from "../../../lib/lists/clients.ts";
import { Lines } from "../../../lib/lists/lines.ts";
import { finish } from "../../../lib/lists/slices.ts";

const text = (path: string) => fs.readFileSync(new URL(path, import.meta.url), "latin1");

/** [source, entry, what became of it, names or why] */
const rows = text("debian.tsv").split("\n").filter((line) => /^[^#]/.test(line))
  .map((line) => line.split("\t"))
  .map(([source = "", entry = "", became = "", evidence = ""]) => ({
    source,
    entry,
    became,
    evidence,
    names: evidence.split(" "),
  }));
const rowsOf = (...became: string[]) => rows.filter((row) => became.includes(row.became));

const ours = (await finish(readClientList([{
  file: "whitelist_clients",
  text: text("../../../postfix/whitelist_clients"),
}]))).list;
const isListed = (name: string) => ours.match({ name, address: "203.0.113.1" }) !== undefined;

/** Who these hosts are, each at an address of its own that none has in its name. */
const identities = (names: readonly string[]) =>
  new Set(names.map((name, i) => identifyClient(name, `198.51.100.${240 + i}`)?.identity));

test("every entry has a verdict, with names or a reason", () => {
  const known = ["names", "apart", "listed", "returns", "old", "address"];
  for (const { entry, became, evidence } of rows) {
    assert.ok(known.includes(became), `${entry}: ${became}`);
    if (became === "address") assert.match(entry, /^[0-9a-f:.]+(?:\/\d+)?$/);
    else assert.notEqual(evidence, "", entry);
  }
  assert.ok(rows.length > 150);
});

test("what names make needless is one client, whichever of its hosts tries, and not in our list", () => {
  for (const { entry, names } of rowsOf("names")) {
    assert.ok(names.length > 1, entry);
    const found = identities(names);
    assert.equal(found.size, 1, `${entry}: ${[...found].join()}`);
    assert.match([...found].join(), /^[mg]:/, entry);
    for (const name of names) assert.ok(!isListed(name), `${name} is listed needlessly`);
  }
});

test("what names do not make one is in our list, with all its hosts", () => {
  for (const { entry, names } of rowsOf("apart")) {
    assert.ok(identities(names).size > 1, `${entry} is one by its names`);
    // Of what retries under a second domain, that one.
    assert.ok(names.filter(isListed).length >= names.length - 1, entry);
  }
});

test("what is listed for another reason is in our list", () => {
  for (const { names } of rowsOf("listed")) {
    for (const name of names) assert.ok(isListed(name), name);
  }
});

const debian = "/usr/share/postgrey/whitelist_clients";

test("each entry of the list that Debian installs here has its line", {
  skip: !fs.existsSync(debian),
}, () => {
  const source = { file: debian, text: fs.readFileSync(debian, "latin1") };
  const known = rows.filter(({ source }) => source === "debian").map(({ entry }) => entry);
  const installed = [...new Lines([source]).entries()].map(([, entry]) => entry)
    .filter((entry) => entry !== "");
  assert.deepEqual(known.toSorted(), installed.toSorted());
});
