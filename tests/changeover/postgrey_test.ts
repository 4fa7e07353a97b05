/**
 * A real postgrey learns 2,000 mails, and greylist imports what it knows: nobody whom it knew waits, and nobody else
 * passes. Needs the Debian packages postgrey and db5.3-util.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { startPostgrey } from "../support/postgrey.ts";
import { tempDir } from "../support/process.ts";
import { deferred, greylist, type Mail, mostMails, ours, senderOf } from "./changeover.ts";

const now = Math.floor(Date.now() / 1000), hour = 3600;

/** A network for each; every eighth has no sender, and every tenth is of IPv6. */
function mailOf(i: number, host: number): Mail {
  const [high, low] = [i >> 8, i & 255];
  return {
    client_address: i % 10 === 9
      ? `2a02:${high.toString(16)}:${low.toString(16)}:1::${host.toString(16)}`
      : `${80 + high}.${low}.7.${host}`,
    client_name: i % 3 === 0 ? `mx${host}.firma${i}.example` : "unknown",
    sender: senderOf(i),
    recipient: `User${i % 50}+${i % 3 === 0 ? "list" : ""}@ours.example`,
  };
}

test("nobody whom postgrey knew waits after a changeover, and nobody else passes", async (t) => {
  const postgrey = await startPostgrey(t);
  const learn = async (mail: Mail, time: number) => {
    const asked = { request: "smtpd_access_policy", ...mail, instance: `${time}` };
    return await postgrey.ask(new Map(Object.entries(asked)), time);
  };
  const mails = Array.from({ length: mostMails }, (_, i) => mailOf(i, 10));
  for (const [i, mail] of mails.entries()) {
    const first = now - 30 * hour + i;
    assert.match(await learn(mail, first) ?? "", /^DEFER_IF_PERMIT/);
    // Two of three come back; the others still wait.
    if (i % 3 > 0) assert.match(await learn(mail, first + 600) ?? "", /^PREPEND|^DUNNO/);
  }
  // Ten clients earn the auto-whitelist.
  const trusted = mails.filter((_, i) => i % 200 === 1);
  for (let pass = 0; pass < 5; pass++) {
    const first = now - (20 - pass) * hour;
    for (const mail of trusted) {
      const other = { ...mail, recipient: `other${pass}@ours.example` };
      await learn(other, first);
      await learn(other, first + 600);
    }
  }
  await postgrey.stop();

  const folder = path.dirname(postgrey.endpoint.slice("unix:".length)), here = tempDir(t);
  const dumps = ["postgrey", "postgrey_clients"].map((name) => {
    const dump = path.join(here, `${name}.dump`);
    fs.writeFileSync(dump, execFileSync("db5.3_dump", ["-p", path.join(folder, `${name}.db`)]));
    return dump;
  });
  const store = `sqlite:${here}/state.db`;
  greylist(["import", "--from", "postgrey", "--store", store, ...dumps]);
  assert.match(
    greylist(["import", "--from", "postgrey", "--store", store, ...dumps]),
    /^imported 0 entries/,
  );

  const server = await ours(t, store);
  const others = mails.filter((mail) => !trusted.includes(mail));
  const unknown = others.flatMap((mail, i) => [
    { ...mail, sender: `stranger${i}@elsewhere.example` },
    { ...mail, recipient: "nobody@ours.example" },
    { ...mail, client_address: `9.${i >> 8}.${i & 255}.10`, client_name: "unknown" },
  ]);
  assert.equal((await deferred(server, unknown)).length, unknown.length, "strangers wait");
  // Another host of the network, as postgrey does not tell them apart.
  const known = mails.map((_, i) => mailOf(i, i % 2 === 0 ? 10 : 11));
  assert.deepEqual(await deferred(server, known), []);
  const fromTrusted = trusted.map((mail) => ({ ...mail, sender: "new@new.example" }));
  assert.deepEqual(await deferred(server, fromTrusted), []);
});
