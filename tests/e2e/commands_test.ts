/** An administrator with nothing but a line of the log, beside a real Postfix. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { blocksRunBy } from "../support/documented.ts";
import { DELAY_SECONDS, type MailHostOptions, mailHostTest } from "../support/mailhost.ts";
import { tempDir, waitFor } from "../support/process.ts";
import { swaks } from "../support/smtp.ts";

const mail = {
  client: "198.51.100.7",
  clientName: "mx.firma.example",
  from: "kim@firma.example",
  to: ["robin@example.com"],
};

const setups: [name: string, options: MailHostOptions][] = [
  ["Spawned, with sqlite", { mode: "spawn", store: "sqlite" }],
  ["Spawned, with memcached", { mode: "spawn", store: "memcached" }],
  ["A daemon, with memcached", { mode: "inet", store: "memcached" }],
  ["A daemon, with sqlite", { mode: "inet", store: "sqlite" }],
];

for (const [name, options] of setups) {
  mailHostTest(
    `${name}: a line of the log is enough to say why a mail waits, to let it in, and to have it wait again`,
    { ...options, greylist: ["retry-window = 1h"] },
    async ({ postfix, greylistLog, command, shell, daemon, startDaemon }, t) => {
      const attempt = async (id: string) =>
        (await swaks(postfix.port, { ...mail, id })).recipients[0] ?? "";
      const accepted = /^250 2\.1\.5 /, deferred = /^450 4\.2\.0 /;
      assert.match(await attempt("first"), deferred);
      const ours = () => greylistLog().find((line) => line.includes("action=greylist")) ?? "";
      const postfixs = () => postfix.log().find((line) => line.includes("NOQUEUE: reject:")) ?? "";
      await waitFor("both lines", () => ours() !== "" && postfixs() !== "");

      for (const line of [ours(), postfixs()]) {
        const { status, stdout } = await command("explain", "--json", "--log-line", line);
        const { reason, passes_from, until, changes, records } = JSON.parse(stdout);
        assert.ok(status === 75 || status === 0, stdout);
        assert.match(reason, /^early-retry \(\d+s missing\)$|^triplet found$/);
        const waiting = records.find(({ says = "" }) => says.startsWith("waits since "));
        assert.match(waiting.says, /passes from .* UTC on, until .* UTC/);
        assert.match(changes, /if it comes back until /);
        if (status === 75) assert.equal(until - passes_from, 3600 - DELAY_SECONDS);
      }
      const [line] = blocksRunBy(import.meta.url, "README.md");
      const mailLog = path.join(tempDir(t), "mail.log");
      fs.writeFileSync(mailLog, [...postfix.log(), ...greylistLog(), ""].join("\n"));
      const { stdout } = await shell((line?.text ?? "").replace("/var/log/mail.log", mailLog));
      assert.match(stdout, /^client +mx\.firma\.example\b/m);
      assert.match(stdout, /early-retry|triplet found/);
      assert.equal((await command("allow", "--log-line", postfixs())).status, 0);
      assert.match(await attempt("allowed"), accepted);
      const forgotten = await command("forget", "--log-line", ours());
      assert.equal(forgotten.status, 0);
      assert.match(forgotten.stdout, /^forgot {4}triplet .* was allowed/);
      assert.match(await attempt("forgotten"), deferred);
      if (options.mode !== "spawn") {
        // What root does to the state while nobody has it open must not lock out the daemon's user.
        await daemon().stop();
        assert.equal((await command("allow", "--log-line", ours())).status, 0);
        await startDaemon();
        assert.match(await attempt("allowed again"), accepted);
        assert.equal((await command("forget", "--log-line", ours())).status, 0);
        assert.match(await attempt("forgotten again"), deferred);
      }
      assert.deepEqual(postfix.complaints(), []);
    },
  );
}
