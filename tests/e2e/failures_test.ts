/** What becomes of the mail, through a real Postfix, when something of ours is broken. */
import assert from "node:assert/strict";
import process from "node:process";
import { type MailHost, mailHostTest } from "../support/mailhost.ts";
import { waitFor } from "../support/process.ts";
import { swaks } from "../support/smtp.ts";

let correspondents = 0;

/** The reply to a recipient that comes from a client and a sender never seen before. */
async function firstAttempt({ postfix }: MailHost): Promise<string> {
  const n = ++correspondents;
  const { recipients } = await swaks(postfix.port, {
    client: `198.51.${n}.7`,
    clientName: `mx${n}.example.org`,
    from: `sender${n}@example.org`,
    to: ["robin@example.com"],
    id: `attempt ${n}`,
  });
  return recipients[0] ?? "";
}

const greylisted = /^450 4\.2\.0 <robin@example\.com>: Recipient address rejected: Greylisted/;
const accepted = /^250 2\.1\.5 /;

for (const mode of ["spawn", "inet"] as const) {
  mailHostTest(
    `Mail is accepted while memcached is gone, and greylisted once it is back, in mode ${mode}`,
    { mode, store: "memcached" },
    async (host) => {
      assert.match(await firstAttempt(host), greylisted);
      await host.memcached().stop();
      for (let i = 0; i < 3; i++) {
        assert.match(await firstAttempt(host), accepted);
      }
      await host.memcached().restart();
      await waitFor(
        "greylisting again",
        async () => greylisted.test(await firstAttempt(host)),
        20_000,
      );
      assert.match(await firstAttempt(host), greylisted);
      assert.deepEqual(host.postfix.complaints(), []);
      const lines = host.greylistLog().filter((line) => line.includes("is not usable"));
      if (mode === "inet") assert.equal(lines.length, 1, host.greylistLog().join("\n"));
    },
  );
}

mailHostTest("Mail is accepted within the store timeout while memcached hangs", {
  mode: "inet",
  store: "memcached",
  greylist: ["store-timeout = 500ms"],
}, async (host) => {
  assert.match(await firstAttempt(host), greylisted);
  host.memcached().freeze();
  assert.match(await firstAttempt(host), accepted);
  host.memcached().thaw();
  await waitFor("greylisting again", async () => greylisted.test(await firstAttempt(host)), 20_000);
  assert.deepEqual(host.postfix.complaints(), []);
});

mailHostTest("Mail is deferred while memcached is gone if on-store-failure says defer", {
  mode: "spawn",
  store: "memcached",
  greylist: ["on-store-failure = defer"],
}, async (host) => {
  await host.memcached().stop();
  for (let i = 0; i < 2; i++) assert.match(await firstAttempt(host), /^450 4\./);
  assert.deepEqual(host.postfix.complaints(), []);
});

mailHostTest("Mail is accepted while the daemon is down, and greylisted once it is back", {
  mode: "inet",
  store: "memcached",
}, async (host) => {
  // Postfix waits a second between its two tries: postfix/main.cf says what it does then.
  assert.match(await firstAttempt(host), greylisted);
  await host.daemon().stop("SIGKILL");
  assert.match(await firstAttempt(host), accepted);
  await host.startDaemon();
  assert.match(await firstAttempt(host), greylisted);
  // Not child.kill, after which deno's node:child_process knows no exit status.
  process.kill(host.daemon().pid, "SIGTERM");
  assert.equal(await host.daemon().exited, 0);
  assert.match(await firstAttempt(host), accepted);
});

mailHostTest("A spawned greylist that is killed is replaced, and no mail is lost", {
  mode: "spawn",
  store: "memcached",
}, async (host) => {
  assert.match(await firstAttempt(host), greylisted);
  const [child, ...others] = host.postfix.children();
  assert.ok(child !== undefined && others.length === 0, "one smtpd has one greylist");
  process.kill(child, "SIGKILL");
  assert.match(await firstAttempt(host), greylisted);
});

mailHostTest("Mail is accepted while a spawned greylist cannot open its store", {
  mode: "spawn",
  store: "sqlite:/nonexistent/greylist.db",
}, async (host) => {
  for (let i = 0; i < 2; i++) assert.match(await firstAttempt(host), accepted);
  // greylist has given the answer, and not Postfix for want of one.
  assert.deepEqual(host.postfix.complaints(), []);
});

mailHostTest("Mail is accepted while a spawned greylist cannot read its configuration", {
  mode: "spawn",
  store: "memcached",
  greylist: ["dealy = 5m"],
  // As Postfix before 3.0, which holds the mail when it gets no answer.
  postfix: ["smtpd_policy_service_default_action=451 4.3.5 no answer"],
}, async (host) => {
  assert.match(await firstAttempt(host), accepted);
  assert.doesNotMatch(host.postfix.complaints().join("\n"), /problem talking to server/);
  assert.match(host.greylistLog().join("\n"), /greylist\.conf:\d+: no such setting: "dealy"/);
});
