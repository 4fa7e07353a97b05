import assert from "node:assert/strict";
import * as fs from "node:fs";
import { describe, test } from "node:test";
import { fallbackOf } from "../../../lib/config/settings.ts";
import { readAddressList } from "../../../lib/lists/addresses.ts";
import { readClientList } from "../../../lib/lists/clients.ts";
import { Lines } from "../../../lib/lists/lines.ts";
import { readRecipientList } from "../../../lib/lists/recipients.ts";
import type { Reading } from "../../../lib/lists/reading.ts";
import { surveyList } from "../../../lib/lists/survey.ts";

function shipped(name: string) {
  const url = new URL(`../../../postfix/${name}`, import.meta.url);
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
  const senders = shipped("whitelist_senders");

  test("can be read without a problem, and without the engine for patterns", () => {
    assert.deepEqual(withoutEngine(readClientList([clients])).problems, []);
    for (const { text } of [recipients, senders]) {
      assert.deepEqual(withoutEngine(readAddressList([{ file: "f", text }], "+")).problems, []);
    }
  });

  test("give date, reason and source of every entry", () => {
    const forms = [
      [clients, /# 20\d\d-\d\d-\d\d (?:people|code|names|domains|late): \S.+ \(\S.+\)$/],
      [recipients, /# 20\d\d-\d\d-\d\d \S.+ \(RFC \d+ section .+\)$/],
    ] as const;
    for (const [source, form] of forms) {
      const lines = source.text.split("\n");
      for (const [place, text] of new Lines([source]).entries()) {
        if (text !== "") assert.match(lines[place] ?? "", form);
      }
    }
  });

  test("have no entry that does nothing: none twice, none below another", () => {
    const { list: clientList } = withoutEngine(readClientList([clients]));
    assert.deepEqual(surveyList("clients", clientList, []).remarks, []);
    const { list: recipientList } = withoutEngine(readAddressList([recipients], "+"));
    assert.deepEqual(surveyList("recipients", recipientList, []).remarks, []);
  });

  test("trust no sender, and say why", () => {
    assert.equal(withoutEngine(readAddressList([senders], "+")).size, 0);
    assert.match(senders.text, /ANYBODY CAN WRITE ANY SENDER/);
    const setting = fallbackOf("whitelist-senders", "daemon");
    assert.ok(senders.text.includes(`    whitelist-senders = ${setting}\n`));
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
