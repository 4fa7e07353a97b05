/** Lists as correspondents see them: who is on one passes at once, and the next one waits. */
import assert from "node:assert/strict";
import { mailHostTest } from "../support/mailhost.ts";
import { waitFor } from "../support/process.ts";
import { swaks } from "../support/smtp.ts";

const lists = [
  ["whitelist-senders", "senders", "# people\nalice@example.org\n"],
  ["whitelist-clients", "clients.d/10-partners.conf", "partner.example\n"],
] as const;

for (const mode of ["spawn", "inet"] as const) {
  mailHostTest(
    `A sender on a list, and a client on a list in a folder, pass at once, others wait, in mode ${mode}`,
    { mode, store: "sqlite", lists },
    async ({ postfix, greylistLog }) => {
      let attempts = 0;
      const attempt = async (from: string, clientName: string) => {
        const id = `attempt ${++attempts}`, client = `198.51.${attempts}.7`;
        const mail = { id, client, clientName, from, to: ["robin@example.com"] };
        return (await swaks(postfix.port, mail)).recipients[0] ?? "";
      };
      const accepted = /^250 2\.1\.5 /, deferred = /^450 4\.2\.0 /;
      assert.match(await attempt("alice@example.org", "mx.any.example"), accepted);
      assert.match(
        await attempt("prvs=1234abcdef=Alice+x@example.org", "mx.any.example"),
        accepted,
      );
      assert.match(await attempt("bob@example.org", "mx.any.example"), deferred);
      assert.match(await attempt("bob@example.org", "mx.partner.example"), accepted);
      assert.match(await attempt("bob@example.org", "mx.notpartner.example"), deferred);
      const entries = () =>
        greylistLog().flatMap((line) =>
          /reason=(\w+ whitelist), .* entry=.*\/lists\/(\S+)$/.exec(line)?.slice(1).join(" ") ?? []
        ).sort();
      await waitFor("the log to name three entries", () => entries().length === 3);
      const client = "client whitelist clients.d/10-partners.conf:1";
      assert.deepEqual(entries(), [
        client,
        "sender whitelist senders:2",
        "sender whitelist senders:2",
      ]);
      assert.deepEqual(postfix.complaints(), []);
    },
  );
}
