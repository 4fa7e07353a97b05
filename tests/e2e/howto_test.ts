/** doc/howto.md, followed line by line with a Postfix that does not ask anybody yet. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { blocksIn, blocksRunBy, examplesIn } from "../support/documented.ts";
import { DELAY_SECONDS, mailHostTest } from "../support/mailhost.ts";
import { waitFor } from "../support/process.ts";
import { swaks } from "../support/smtp.ts";
import { login } from "../support/submission.ts";

/** The first is the store, for which the host has a place of its own. */
const settings = blocksIn("doc/howto.md").find(({ text }) => text.startsWith("store = sqlite:"));
const before = "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination";

/** What changes from run to run. */
const masked = (text: string) => text.replace(/in \d+ seconds/, "in N seconds").trim();

mailHostTest(
  "the how-to leads to a Postfix whose strangers wait, and whose users are answered at once",
  {
    mode: "inet",
    store: "sqlite",
    greylist: settings?.text.trim().split("\n").slice(1) ?? [],
    dns: [["firma.example", "TXT", "v=spf1 ip4:203.0.113.0/24 -all"]],
    submission: true,
    postfix: [
      `smtpd_recipient_restrictions=${before}`,
      "submission_recipient_restrictions=permit_sasl_authenticated,reject",
      "smtpd_policy_service_timeout=100s",
      "smtpd_policy_service_default_action=451 4.3.5 Server configuration problem",
    ],
  },
  async ({ postfix, config, endpoint, submissionPort, shell, greylistLog }) => {
    const lists = path.join(path.dirname(config), "lists");
    fs.mkdirSync(lists);
    // The example's mail comes from 127.0.0.1 here, and says by XCLIENT that it does not.
    const stranger = "--xclient-addr 203.0.113.9 --xclient-name mx.firma.example";
    const type = (command: string) =>
      shell(
        `swaks() { command swaks ${stranger} "$@"; }\n` +
          command.replaceAll("inet:127.0.0.1:10023", endpoint)
            .replace("mx.example.com", `127.0.0.1:${postfix.port}`)
            .replace("submission/inet", `127.0.0.1:${submissionPort}/inet`)
            .replaceAll("/etc/greylist/", `${lists}/`),
      );
    const from = (line: string) => greylistLog().some((text) => text.includes(line));
    const mail = {
      client: "198.51.100.7",
      clientName: "mx.b.example",
      from: "lee@b.example",
      to: ["robin@example.com"],
      id: "",
    };
    assert.match((await swaks(postfix.port, mail)).recipients.join(), /^250 /);
    assert.deepEqual(greylistLog().filter((line) => line.includes("action=")), []);

    for (const block of blocksRunBy(import.meta.url, "doc/howto.md")) {
      for (const { command, printed } of examplesIn(block)) {
        if (printed.includes("250 2.1.5")) {
          await new Promise((resolve) => setTimeout(resolve, (DELAY_SECONDS + 1) * 1000));
        }
        const { status, stdout } = await type(command);
        assert.equal(status, 0, command);
        if (command.startsWith("sha256sum")) assert.match(stdout, /^[0-9a-f]{64} /);
        else assert.equal(masked(stdout), masked(printed), command);
      }
    }
    // Another host of the domain, which has no name: known by SPF alone.
    const pool = { ...mail, client: "203.0.113.50", clientName: "[UNAVAILABLE]" };
    const known = await swaks(postfix.port, { ...pool, from: "kim@firma.example" });
    assert.match(known.recipients.join(), /^250 /);
    assert.equal(fs.statSync(path.join(lists, "secret")).mode & 0o777, 0o600);
    assert.equal((await type(`greylist check-config --key-secret-file ${lists}/secret`)).status, 0);

    const letter = { ...mail, from: "robin@example.com", to: ["kim@b.example"], login };
    assert.match((await swaks(submissionPort, letter)).recipients.join(), /^250 /);
    await waitFor("it to be learned", async () => {
      const explain = `greylist explain --client 198.51.100.7 --client-name mx.b.example ` +
        "--sender kim@b.example --recipient robin@example.com";
      return /passes: correspondent/.test((await type(explain)).stdout);
    });
    const answer = await swaks(postfix.port, { ...mail, from: "kim@b.example" });
    assert.match(answer.recipients.join(), /^250 /);
    assert.match((await swaks(postfix.port, mail)).recipients.join(), /^450 4\.2\.0 /);
    await waitFor("the log", () => from("reason=correspondent, client_name=mx.b.example"));
    assert.ok(from("reason=triplet found, delay="));
    assert.deepEqual(postfix.complaints(), []);
  },
);
