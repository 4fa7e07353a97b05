import assert from "node:assert/strict";
import * as fs from "node:fs";
import { describe, test } from "node:test";
import { fallbackOf } from "../lib/config/settings.ts";
import { readClientList } from "../lib/lists/clients.ts";
import { rulesOf } from "../lib/lists/lines.ts";
import { readRecipientList } from "../lib/lists/recipients.ts";
import { patternSetsFor } from "../lib/lists/regex.ts";

function shipped(name: string) {
  const url = new URL(`../postfix/${name}`, import.meta.url);
  return { file: name, text: fs.readFileSync(url, "latin1") };
}

describe("the shipped lists", () => {
  const clients = shipped("whitelist_clients"), recipients = shipped("whitelist_recipients");

  test("can be read without a problem, and without the engine for patterns", async () => {
    // Every process in spawn mode reads them, and loading the engine would double its start-up.
    const newPatternSet = await patternSetsFor([clients, recipients]);
    assert.throws(newPatternSet);
    assert.deepEqual(readClientList([clients], newPatternSet).problems, []);
    assert.deepEqual(readRecipientList([recipients], newPatternSet).problems, []);
  });

  test("give a date and a reason for every entry, and none twice", () => {
    for (const source of [clients, recipients]) {
      const lines = source.text.split("\n");
      const seen = new Set<string>();
      for (const { line, text } of rulesOf(source)) {
        assert.match(lines[line - 1] ?? "", /# 20\d\d-\d\d-\d\d \S.{15}/, text);
        assert.ok(!seen.has(text), `${text} is there twice`);
        seen.add(text);
      }
    }
  });

  test("hold what they are for, and nobody whose name anybody can rent", async () => {
    const newPatternSet = await patternSetsFor([]);
    const { list } = readClientList([clients], newPatternSet);
    const match = (name: string) => list.match({ name, address: "192.0.2.1" })?.text;
    assert.equal(match("mail-db5eur01on0044.outbound.protection.outlook.com"), "outlook.com");
    assert.equal(match("mail-ed1-f41.google.com"), "google.com");
    assert.equal(match("7.2.0.192.bc.googleusercontent.com"), undefined);
    assert.equal(match("ec2-192-0-2-7.compute-1.amazonaws.com"), undefined);
    assert.equal(match("vps.secureserver.net"), undefined);
    assert.equal(match("unknown"), undefined);
    const { list: people } = readRecipientList([recipients], newPatternSet);
    assert.equal(people.match("Postmaster@example.org")?.text, "postmaster@");
    assert.equal(people.match("abuse+x@mx.example.org")?.text, "abuse@");
    assert.equal(people.match("user@example.org"), undefined);
  });

  test("say how to add to them without losing it at an upgrade", () => {
    for (const { file, text } of [clients, recipients]) {
      assert.match(text, /an upgrade replaces it/);
      assert.ok(text.includes(`own entries go into ${file}.local`));
    }
    for (const [name, { text }] of [["clients", clients], ["recipients", recipients]] as const) {
      const setting = `whitelist-${name}` as const;
      assert.ok(text.includes(`    ${setting} = ${fallbackOf(setting, "daemon")}\n`));
    }
  });
});
