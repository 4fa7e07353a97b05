/** What Postfix does around greylist with the settings in postfix/: who is asked about, who runs, who ends. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { type MailHost, mailHostTest } from "../support/mailhost.ts";
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

mailHostTest(
  "Only known users' mail from strangers is greylisted, not what Postfix refuses or trusts",
  { mode: "spawn", store: "sqlite" },
  async (host) => {
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
    assert.match(await reply({}), /^450 4\.2\.0 /);
    // Lines come in the order of the questions, a moment later than the answers.
    await waitFor("a line in greylist's log", () => host.greylistLog().length > 0);
    assert.match(host.greylistLog().join("\n"), /^[^\n]*action=greylist, reason=new, [^\n]*$/);
    assert.deepEqual(host.postfix.complaints(), []);
  },
);

mailHostTest("A spawned greylist runs as its own user, and is gone when Postfix is", {
  mode: "spawn",
  store: "memcached",
}, async (host) => {
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

mailHostTest("A spawned greylist is gone when Postfix is, even with its memcached hanging", {
  mode: "spawn",
  store: "memcached",
  greylist: ["store-timeout = 500ms"],
}, async (host) => {
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

mailHostTest("A reload of Postfix replaces the spawned processes in good order", {
  mode: "spawn",
  store: "sqlite",
}, async (host) => {
  const before = await holdSessions(host, 1);
  host.postfix.reload();
  await waitFor(
    "the end of the old process",
    () => !host.postfix.children().includes(before[0] ?? 0),
  );
  assert.match((await swaks(host.postfix.port, stranger)).recipients.join(), /^450 4\.2\.0 /);
  assert.deepEqual(host.postfix.complaints(), []);
});

mailHostTest("Through spawn(8) come replies and not one byte else", {
  mode: "spawn",
  store: "memcached",
}, async (host) => {
  const socket = path.join(host.postfix.queueDir, "private/greylist");
  const request = (recipient: string) =>
    "request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address=198.51.100.7\n" +
    `sender=a@example.org\nrecipient=${recipient}\ninstance=1.2.3\n\n`;

  const replies = await ask(socket, request("robin@example.com") + request("lucas@example.com"));
  assert.match(replies, /^(action=DEFER_IF_PERMIT 4\.2\.0 Greylisted[^\n]*\n\n){2}$/);
  assert.equal(await ask(socket, "GET / HTTP/1.1\r\n\r\n\0\xff\n\n"), "");
  await host.memcached().stop();
  assert.equal(await ask(socket, request("x@example.com").repeat(2)), "action=DUNNO\n\n".repeat(2));
  assert.deepEqual(host.postfix.complaints(), []);
});

/** All that the server behind a unix socket answers to these bytes and the end of input. */
function ask(socket: string, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = "";
    const connection = net.connect({ path: socket, allowHalfOpen: true }).setEncoding("latin1");
    connection.on("data", (chunk: string) => received += chunk);
    connection.on("error", reject).on("end", () => (connection.destroy(), resolve(received)));
    connection.end(bytes, "latin1");
  });
}

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
