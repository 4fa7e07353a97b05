/** What DNS says about who waits, through a real Postfix and a real name server. */
import assert from "node:assert/strict";
import { DELAY_SECONDS, type MailHostOptions, mailHostTest } from "../support/mailhost.ts";
import { waitFor } from "../support/process.ts";
import { swaks } from "../support/smtp.ts";

const dns = [
  ["pool.example", "TXT", "v=spf1 ip4:198.51.100.0/24 ip4:203.0.113.0/24 -all"],
  ["7.2.0.192.good.example", "A", "127.0.5.3"],
] as const;

const greylist = ["spf = yes", "dnswl = good.example>=1", "greylist = suspicious"];

const setups: [name: string, options: MailHostOptions][] = [
  ["Spawned, with sqlite", { mode: "spawn", store: "sqlite" }],
  ["A daemon", { mode: "inet", store: "memory" }],
];

for (const [name, options] of setups) {
  mailHostTest(
    `${name}: a pool that SPF vouches for waits once, a listed client never, and only the suspicious do`,
    { ...options, dns, greylist },
    async (host) => {
      const attempt = async (id: string, client: string, clientName: string, from: string) => {
        const mail = { id, client, clientName, from, to: ["robin@example.com"] };
        return (await swaks(host.postfix.port, mail)).recipients[0] ?? "";
      };
      const accepted = /^250 2\.1\.5 /, deferred = /^450 4\.2\.0 /;
      assert.match(await attempt("listed", "192.0.2.7", "unknown", "a@list.example"), accepted);
      assert.match(await attempt("server", "192.0.2.8", "mx.b.example", "b@b.example"), accepted);
      const mail = "news@pool.example";
      assert.match(await attempt("first", "198.51.100.1", "unknown", mail), deferred);
      assert.match(await attempt("forged", "192.0.2.66", "unknown", mail), deferred);
      await new Promise((resolve) => setTimeout(resolve, (DELAY_SECONDS + 1) * 1000));
      assert.match(await attempt("again", "203.0.113.2", "unknown", mail), accepted);
      assert.match(await attempt("later", "198.51.100.3", "unknown", mail), accepted);
      assert.match(await attempt("forged", "192.0.2.67", "unknown", mail), deferred);
      const log = () => host.greylistLog().join("\n");
      await waitFor("all in the log", () => log().split("action=").length > 7);
      for (const reason of ["DNSWL", "not suspicious", "triplet found", "sender AWL"]) {
        assert.ok(log().includes(`action=pass, reason=${reason}, `), reason);
      }
      assert.match(log(), /reason=new, .*suspicion=no verified name/);
      const message = () =>
        host.postfix.mailbox("robin").find((text) => text.includes("X-Test: again"));
      await waitFor("the mail in robin's mailbox", () => message() !== undefined);
      assert.match(message() ?? "", /^X-Greylist: delayed \d+ seconds by greylist-/m);
    },
  );
}
