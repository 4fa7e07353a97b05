/** What Postfix does around greylist with the settings in postfix/: who is asked about, who runs, who ends. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import test from "node:test";
import { type MailHost, startMailHost } from "../support/mailhost.ts";
import { OWN_CLIENT } from "../support/postfix.ts";
import { waitFor } from "../support/process.ts";
import { NOBODY } from "../support/program.ts";
import { connect, swaks } from "../support/smtp.ts";

const stranger = {
  client: "198.51.100.7",
  clientName: "mx.example.org",
  from: "a@example.org",
  to: ["robin@example.com"],
  id: "postfix",
};

test("Only known users' mail from strangers is greylisted, not what Postfix refuses or trusts", async (t) => {
  const host = await startMailHost(t, { mode: "spawn", store: "sqlite" });
  const { port } = host.postfix;
  const reply = async (mail: Partial<typeof stranger>) =>
    (await swaks(port, { ...stranger, ...mail })).recipients.join();

  assert.match(await reply({ to: ["nobody.here@example.com"] }), /^550 5\.1\.1 /);
  assert.match(
    await reply({ to: ["robin@elsewhere.example"] }),
    /^554 5\.7\.1 .*Relay access denied/,
  );
  assert.match(await reply({ client: OWN_CLIENT }), /^250 /);
  const say = await connect(port);
  await say("EHLO mx.example.org");
  assert.match(await say("VRFY robin@example.com"), /^252 /);
  await say("QUIT");
  assert.deepEqual(host.greylistLog(), []);

  assert.match(await reply({}), /^450 4\.2\.0 /);
  assert.equal(host.greylistLog().length, 1);
  assert.deepEqual(host.postfix.complaints(), []);
});

test("A spawned greylist runs as its own user, and is gone when Postfix is", async (t) => {
  const host = await startMailHost(t, { mode: "spawn", store: "memcached" });
  const children = await holdSessions(host, 3);
  for (const pid of children) {
    const status = fs.readFileSync(`/proc/${pid}/status`, "latin1");
    assert.match(status, new RegExp(`^Uid:(\\s+${NOBODY}){4}$`, "m"));
  }
  await host.postfix.stop();
  await waitFor(
    "the end of all greylist processes",
    () => host.postfix.children().length === 0,
    2000,
  );
  assert.deepEqual(host.postfix.complaints(), []);
});

test("A spawned greylist is gone when Postfix is, even with its memcached hanging", async (t) => {
  const host = await startMailHost(t, { mode: "spawn", store: "memcached" });
  await holdSessions(host, 2);
  host.memcached().freeze();
  const sent = swaks(host.postfix.port, stranger);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await host.postfix.stop();
  await waitFor(
    "the end of all greylist processes",
    () => host.postfix.children().length === 0,
    3000,
  );
  await sent.catch(() => {/* its Postfix has been taken away */});
});

test("A reload of Postfix replaces the spawned processes in good order", async (t) => {
  const host = await startMailHost(t, { mode: "spawn", store: "sqlite" });
  const before = await holdSessions(host, 1);
  host.postfix.reload();
  await waitFor(
    "the end of the old process",
    () => !host.postfix.children().includes(before[0] ?? 0),
  );
  assert.match((await swaks(host.postfix.port, stranger)).recipients.join(), /^450 4\.2\.0 /);
  assert.deepEqual(host.postfix.complaints(), []);
});

/** Makes `count` smtpd processes ask about a recipient; gives the pids of their greylist processes. */
async function holdSessions({ postfix }: MailHost, count: number): Promise<number[]> {
  const sessions = await Promise.all(Array.from({ length: count }, () => connect(postfix.port)));
  for (const say of sessions) {
    await say("EHLO mx.example.org");
    await say("MAIL FROM:<b@example.org>");
    assert.match(await say("RCPT TO:<lucas@example.com>"), /^450 4\.2\.0 /);
  }
  assert.equal(postfix.children().length, count, "one greylist process for each smtpd");
  await Promise.all(sessions.map((say) => say("QUIT")));
  return postfix.children();
}
