/** Answers to what users have written, through a real Postfix that asks on submission too. */
import assert from "node:assert/strict";
import { type MailHost, type MailHostOptions, mailHostTest } from "../support/mailhost.ts";
import { waitFor } from "../support/process.ts";
import { swaks } from "../support/smtp.ts";
import { login } from "../support/submission.ts";

/** Robin's letter, from a client that would have to wait. */
const letter = {
  client: "203.0.113.40",
  clientName: "203-0-113-40.dyn.isp.example",
  from: "robin@example.com",
  to: ["kim@b.example"],
  id: "letter",
  login,
};
const answer = {
  client: "198.51.100.7",
  clientName: "mx.b.example",
  from: "kim@b.example",
  to: ["robin@example.com"],
  id: "answer",
};

const setups: [name: string, options: MailHostOptions][] = [
  ["Spawned, with memcached", { mode: "spawn", store: "memcached" }],
  ["Spawned, with sqlite", { mode: "spawn", store: "sqlite" }],
  ["A daemon", { mode: "inet", store: "memory" }],
];

/** What a letter teaches is written beside its answer. In memory nobody else can see it, and nothing can be slow. */
async function learned({ command }: MailHost, { store }: MailHostOptions): Promise<void> {
  if (store === "memory") return await new Promise((resolve) => setTimeout(resolve, 500));
  const { client, clientName, from, to: [recipient = ""] } = answer;
  const mail = { client, "client-name": clientName, sender: from, recipient };
  const words = Object.entries(mail).map(([name, value]) => `--${name}=${value}`);
  const passes = async () => (await command("explain", ...words)).status === 0;
  await waitFor("the letter to be learned", passes);
}

for (const [name, options] of setups) {
  mailHostTest(
    `${name}: a user writes out, the answer comes in at once, a third one's does not`,
    { ...options, submission: true, greylist: ["learn-correspondents = yes"] },
    async (host) => {
      const { postfix, submissionPort } = host;
      const sent = await swaks(submissionPort, letter);
      assert.match([...sent.recipients, sent.message].join(), /^250 .*,250 2\.0\.0 Ok/);
      await learned(host, options);

      const came = await swaks(postfix.port, answer);
      assert.match([...came.recipients, came.message].join(), /^250 .*,250 2\.0\.0 Ok/);
      const message = () =>
        postfix.mailbox("robin").find((text) => text.includes("X-Test: answer"));
      await waitFor("the answer in robin's mailbox", () => message() !== undefined);
      assert.doesNotMatch(message() ?? "", /^X-Greylist:/m);

      const others = [
        { from: "lee@b.example" },
        { to: ["lucas@example.com"] },
        { client: "203.0.113.41", clientName: "203-0-113-41.dyn.isp.example" },
      ];
      for (const other of others) {
        const [reply] = (await swaks(postfix.port, { ...answer, ...other })).recipients;
        assert.match(reply ?? "", /^450 4\.2\.0 /, JSON.stringify(other));
      }
      const log = () => host.greylistLog().join("\n");
      await waitFor("all in the log", () => log().split("action=greylist").length > others.length);
      assert.match(log(), /action=pass, reason=correspondent, client_name=mx\.b\.example, /);
      assert.match(log(), /reason=authenticated client/);
      assert.deepEqual(postfix.complaints(), []);
    },
  );
}

mailHostTest(
  "Who has not authenticated is refused on submission before greylist is asked",
  { mode: "inet", store: "memory", submission: true, greylist: ["learn-correspondents = yes"] },
  async (host) => {
    const { login: _, ...stranger } = letter;
    const [reply] = (await swaks(host.submissionPort, stranger)).recipients;
    assert.match(reply ?? "", /^554 5\.7\.1 /);
    assert.doesNotMatch(host.greylistLog().join("\n"), /authenticated client|action=/);
  },
);

mailHostTest(
  "A user's mail is taken at once while the store hangs, or is gone",
  {
    mode: "spawn",
    store: "memcached",
    submission: true,
    greylist: ["learn-correspondents = yes", "store-timeout = 500ms"],
  },
  async (host) => {
    const send = async () => {
      const [reply] = (await swaks(host.submissionPort, letter)).recipients;
      assert.match(reply ?? "", /^250 /);
    };
    host.memcached().freeze();
    await send();
    await host.memcached().stop();
    await send();
    assert.deepEqual(host.postfix.complaints(), []);
  },
);
