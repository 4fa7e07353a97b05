/** Greylisting as correspondents see it: a real Postfix, each mode, each store. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  DELAY_SECONDS,
  type MailHost,
  type MailHostOptions,
  mailHostTest,
} from "../support/mailhost.ts";
import { waitFor } from "../support/process.ts";
import { type Attempt, type Mail, rawBytes, swaks } from "../support/smtp.ts";

interface Correspondent {
  readonly who: string;
  readonly mail: Omit<Mail, "id" | "to">;
  readonly send: (port: number, mail: Mail) => Promise<Attempt>;
}

/** The bytes of `text` in UTF-8, one character a byte. */
const utf8 = (text: string) => Buffer.from(text, "utf8").toString("latin1");

const ascii: Correspondent[] = [
  {
    who: "an IPv4 client",
    mail: { client: "198.51.100.7", clientName: "mx.example.org", from: "a@example.org" },
    send: swaks,
  },
  {
    who: "an IPv6 client",
    mail: { client: "2001:db8::7", clientName: "mx.six.example", from: "a@six.example" },
    send: swaks,
  },
  {
    who: "a null sender",
    mail: { client: "203.0.113.9", clientName: "mx.example.net", from: "" },
    send: swaks,
  },
];
const utf8Sender: Correspondent = {
  who: "a UTF-8 sender",
  mail: {
    client: "203.0.114.9",
    clientName: "mx.example.net",
    from: utf8("jürgen@bücher.example"),
  },
  send: (port, mail) => rawBytes(port, mail, true),
};
const latin1Sender: Correspondent = {
  who: "a latin-1 sender",
  mail: { client: "203.0.115.9", clientName: "mx.example.net", from: "j\xfcrgen@example.net" },
  send: (port, mail) => rawBytes(port, mail, false),
};

const setups: [name: string, options: MailHostOptions, Correspondent[]][] = [
  ["Spawned, with memcached", { mode: "spawn", store: "memcached" }, [...ascii, utf8Sender]],
  ["Spawned, with sqlite", { mode: "spawn", store: "sqlite" }, [...ascii, utf8Sender]],
  ["A daemon on TCP with memcached", { mode: "inet", store: "memcached" }, [...ascii, utf8Sender]],
  ["A daemon on TCP with sqlite", { mode: "inet", store: "sqlite" }, [...ascii, utf8Sender]],
  ["A daemon on TCP with memory", { mode: "inet", store: "memory" }, [...ascii, utf8Sender]],
  [
    "A daemon on a socket in the queue, with a Postfix that takes any byte for a sender,",
    { mode: "unix", store: "memcached", postfix: ["smtputf8_enable=no"] },
    [...ascii, latin1Sender],
  ],
];

for (const [name, options, correspondents] of setups) {
  mailHostTest(
    `${name} defers, defers again, accepts with one header, then without delay`,
    options,
    async (host) => {
      await Promise.all(correspondents.map((correspondent) => exchange(host, correspondent)));
      assert.deepEqual(host.postfix.complaints(), []);
    },
  );
}

const users = ["robin", "lucas"];

async function exchange(host: MailHost, { who, mail, send }: Correspondent): Promise<void> {
  const { postfix } = host;
  const deliver = (id: string) =>
    send(postfix.port, { ...mail, id: `${who}, ${id}`, to: users.map((u) => `${u}@example.com`) });

  const deferred = /^450 4\.2\.0 <(robin|lucas)@example\.com>: Recipient address rejected: /;
  const isDeferred = async (id: string) => {
    const attempt = await deliver(id);
    for (const reply of attempt.recipients) {
      assert.match(reply, deferred, `${who}, ${id}: ${reply}`);
    }
  };
  await isDeferred("first attempt");
  const since = performance.now();
  const secondsPass = (seconds: number) =>
    waitFor(`${seconds} s to pass`, () => performance.now() > since + seconds * 1000);
  // So much later that it would be seen if it started the delay again.
  await secondsPass(1.8);
  await isDeferred("early retry");
  // Times are rounded up: the delay may be a second longer, never shorter.
  await secondsPass(DELAY_SECONDS + 1);

  for (const [id, headers] of [["retry", 1], ["next mail", 0]] as const) {
    const attempt = await deliver(id);
    for (const reply of [...attempt.recipients, attempt.message]) {
      assert.match(reply ?? "", /^250 2\./, `${who}, ${id}: ${reply}`);
    }
    for (const user of users) {
      const messages = () =>
        postfix.mailbox(user).filter((text) => text.includes(`X-Test: ${who}, ${id}\n`));
      await waitFor(`the ${id} of ${who} in the mailbox of ${user}`, () => messages().length > 0);
      const found = messages()[0]?.match(/^X-Greylist: /gm) ?? [];
      assert.equal(found.length, headers, `${who}, ${id}: X-Greylist in ${messages()[0]}`);
    }
  }

  // Sorted: spawned processes take turns, and each writes its lines in its own time.
  const reasons = () =>
    host.greylistLog().filter((line) => line.includes(`client_address=${mail.client}, `))
      .map((line) => /action=(\w+, reason=[a-zA-Z -]+)/.exec(line)?.[1]?.trim()).sort();
  await waitFor(`eight log lines about ${who}`, () => reasons().length >= 8);
  const early = "greylist, reason=early-retry", first = "greylist, reason=new";
  // What lets the first recipient pass is known of the sender when the second one is asked about.
  const passed = "pass, reason=triplet found", known = "pass, reason=sender AWL";
  assert.deepEqual(reasons(), [early, early, first, first, known, known, known, passed], who);
}
