/**
 * A real sqlgrey learns 2,000 mails under a clock of the test's, and greylist imports what it knows of whole
 * addresses: nobody whom it knew waits, and nobody else passes. Needs the Debian packages sqlgrey, libdbd-sqlite3-perl
 * and libfaketime.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { fakedClock } from "../support/clock.ts";
import { connect, request } from "../support/greylist.ts";
import { startSqlgrey } from "../support/sqlgrey.ts";
import { tempDir } from "../support/process.ts";
import { deferred, greylist, type Mail, mostMails, ours, senderOf } from "./changeover.ts";

const hour = 3600;

/** Every fifth client has a name of its own, by which sqlgrey knows it by three octets. */
function mailOf(i: number): Mail {
  const [high, low] = [i >> 8, i & 255];
  return {
    client_address: i % 10 === 9
      ? `2a02:${high.toString(16)}:${low.toString(16)}:1::10`
      : `${80 + high}.${low}.7.10`,
    client_name: isNamed(i)
      ? `mx.firma${i}.example`
      : i % 5 === 1
      ? `dyn-10-7.dsl${i}.example`
      : "unknown",
    sender: senderOf(i),
    recipient: `user${i % 50}@ours.example`,
  };
}

const isNamed = (i: number) => i % 5 === 0;

test("nobody whom sqlgrey knew by an address waits after a changeover, and nobody else passes", async (t) => {
  const clock = fakedClock(t);
  clock.moveTo(-20 * hour);
  const sqlgrey = await startSqlgrey(t, clock.env);
  clock.drives(sqlgrey.pid);
  const learning = await connect(t, sqlgrey.endpoint);
  const learn = async (mail: Mail) => await learning.ask(request({ ...mail }));
  const mails = Array.from({ length: mostMails }, (_, i) => mailOf(i));
  for (const mail of mails) assert.match(await learn(mail), /defer_if_permit|450/i);
  clock.moveTo(-20 * hour + 900);
  // Two of three come back; the others still wait.
  for (const [i, mail] of mails.entries()) {
    if (i % 3 > 0) assert.match(await learn(mail), /^action=(?:prepend|dunno)/i);
  }
  // The domains of some become known by a second and a third sender.
  const domains = mails.filter((_, i) => i % 40 === 2 && i % 3 > 0);
  const domainOf = (mail: Mail) => mail.sender.slice(mail.sender.lastIndexOf("@"));
  const colleague = (mail: Mail, name: string) => ({ ...mail, sender: name + domainOf(mail) });
  for (const [pass, name] of ["first", "second", "third"].entries()) {
    clock.moveTo((pass - 19) * hour);
    for (const mail of domains) await learn(colleague(mail, name));
    clock.moveTo((pass - 19) * hour + 900);
    for (const mail of domains) {
      assert.match(await learn(colleague(mail, name)), /^action=(?:prepend|dunno)/i);
    }
  }
  await sqlgrey.stop();

  const folder = path.dirname(sqlgrey.endpoint.slice("unix:".length)), here = tempDir(t);
  fs.copyFileSync(`${folder}/sqlgrey.db`, `${here}/sqlgrey.db`);
  const store = `sqlite:${here}/state.db`;
  const imported = greylist([
    "import",
    "--from",
    "sqlgrey",
    "--store",
    store,
    `${here}/sqlgrey.db`,
  ]);
  assert.match(imported, /^left out: \d{3} entries of three octets \(from_awl\)$/m);

  const server = await ours(t, store);
  const unknown = mails.filter((mail) => !domains.includes(mail)).flatMap((mail, i) => [
    { ...mail, sender: `stranger${i}@elsewhere.example` },
    { ...mail, client_address: `9.${i >> 8}.${i & 255}.10`, client_name: "unknown" },
  ]);
  assert.equal((await deferred(server, unknown)).length, unknown.length, "strangers wait");
  const byNetwork = mails.filter((_, i) => isNamed(i) && i % 10 !== 9);
  assert.equal(
    (await deferred(server, byNetwork)).length,
    byNetwork.length,
    "these wait once more",
  );
  const byAddress = mails.filter((_, i) => !isNamed(i));
  assert.deepEqual(await deferred(server, byAddress), []);
  assert.deepEqual(await deferred(server, domains.map((mail) => colleague(mail, "fourth"))), []);
});
