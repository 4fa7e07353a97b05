/** Twenty clients at once: everyone is deferred, later everyone is served, and nobody complains. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import {
  DELAY_SECONDS,
  type MailHost,
  type MailHostOptions,
  mailHostTest,
} from "../support/mailhost.ts";
import { waitFor } from "../support/process.ts";

const SESSIONS = 20, MESSAGES = 200;

const setups: [name: string, options: MailHostOptions][] = [
  ["spawned processes with memcached", { mode: "spawn", store: "memcached" }],
  ["spawned processes with sqlite", { mode: "spawn", store: "sqlite" }],
  ["a daemon on TCP with memcached", { mode: "inet", store: "memcached" }],
  ["a daemon on TCP with sqlite", { mode: "inet", store: "sqlite" }],
  ["a daemon on a unix socket with memory", { mode: "unix", store: "memory" }],
];

for (const [name, options] of setups) {
  mailHostTest(
    `Twenty sessions at once get answers and nothing else from ${name}`,
    options,
    async (host) => {
      await send(host);
      await waitFor("all to be deferred", () => decisions(host, "reason=new") === MESSAGES);
      assert.equal(host.postfix.mailbox("robin").length, 0);
      const over = performance.now() + (DELAY_SECONDS + 1) * 1000;
      await waitFor("the delay to be over", () => performance.now() > over);

      await send(host);
      const delivered = () => host.postfix.mailbox("robin").length;
      await waitFor("all to be delivered", () => delivered() === MESSAGES, 30_000);
      const passed = () => decisions(host, "reason=triplet found, delay=");
      await waitFor("all to be logged", () => passed() === MESSAGES);
      assert.equal(
        host.greylistLog().filter((line) => !/listening on|action=/.test(line)).length,
        0,
      );
      assert.deepEqual(host.postfix.complaints(), []);
    },
  );
}

/** Sends the same messages every time, each with a recipient of its own (-N), and carries on at 4xx (-A). */
async function send({ postfix }: MailHost): Promise<void> {
  const args = ["-A", "-N", "-s", `${SESSIONS}`, "-m", `${MESSAGES}`, "-f", "load@example.org"];
  await promisify(execFile)("smtp-source", [
    ...args,
    ...["-t", "robin@example.com", `inet:127.0.0.1:${postfix.port}`],
  ]);
}

function decisions(host: MailHost, reason: string): number {
  return host.greylistLog().filter((line) => line.includes(reason)).length;
}
