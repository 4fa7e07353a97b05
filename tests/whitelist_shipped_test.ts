import assert from "node:assert/strict";
import * as fs from "node:fs";
import { describe, test } from "node:test";
import { fallbackOf } from "../lib/config/settings.ts";
import { readClientList } from "../lib/lists/clients.ts";
import { Lines } from "../lib/lists/lines.ts";
import { readRecipientList } from "../lib/lists/recipients.ts";
import type { Reading } from "../lib/lists/reading.ts";

function shipped(name: string) {
  const url = new URL(`../postfix/${name}`, import.meta.url);
  return { file: name, text: fs.readFileSync(url, "latin1") };
}

/** Every process in spawn mode reads them, and loading the engine would double its start-up. */
function withoutEngine<Result>(reading: Reading<Result>): Result {
  for (;;) {
    const step = reading.next();
    if (step.done === true) return step.value;
    assert.notEqual(step.value, "engine");
  }
}

describe("the shipped lists", () => {
  const clients = shipped("whitelist_clients"), recipients = shipped("whitelist_recipients");

  test("can be read without a problem, and without the engine for patterns", () => {
    assert.deepEqual(withoutEngine(readClientList([clients])).problems, []);
    assert.deepEqual(withoutEngine(readRecipientList([recipients])).problems, []);
  });

  test("give a date and a reason for every entry, and none twice", () => {
    for (const source of [clients, recipients]) {
      const lines = source.text.split("\n");
      const seen = new Set<string>();
      for (const [place, text] of new Lines([source]).entries()) {
        if (text === "") continue;
        assert.match(lines[place] ?? "", /# 20\d\d-\d\d-\d\d \S.{15}/, text);
        assert.ok(!seen.has(text), `${text} is there twice`);
        seen.add(text);
      }
    }
  });

  test("hold what they are for, and nobody whose name anybody can rent", () => {
    const { list } = withoutEngine(readClientList([clients]));
    const match = (name: string) => list.match({ name, address: "192.0.2.1" })?.text;
    assert.equal(match("mail-db5eur01on0044.outbound.protection.outlook.com"), "outlook.com");
    assert.equal(match("mail-ed1-f41.google.com"), "google.com");
    assert.equal(match("7.2.0.192.bc.googleusercontent.com"), undefined);
    assert.equal(match("ec2-192-0-2-7.compute-1.amazonaws.com"), undefined);
    assert.equal(match("vps.secureserver.net"), undefined);
    assert.equal(match("unknown"), undefined);
    const { list: people } = withoutEngine(readRecipientList([recipients]));
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
