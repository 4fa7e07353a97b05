/**
 * Debian's tools that read the log of postgrey, or Postfix's about it, say the same of ours: the same mails go to the
 * installed postgrey and to greylist's policy. Needs the packages postgrey, logwatch and pflogsumm.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { Instances } from "../../lib/greylist/instances.ts";
import { Learning } from "../../lib/greylist/learning.ts";
import { createPolicy } from "../../lib/greylist/policy.ts";
import { openLog } from "../../lib/log/open.ts";
import { syslogMessage } from "../../lib/log/syslog.ts";
import { encodeAction } from "../../lib/protocol/codec.ts";
import { deferralTemplate } from "../../lib/protocol/reply.ts";
import { MemoryStore } from "../../lib/stores/memory.ts";
import { keptLog } from "../support/log.ts";
import { clientList, policyOptions, request, subjects } from "../support/policy.ts";
import { startPostgrey } from "../support/postgrey.ts";
import { tempDir, waitFor } from "../support/process.ts";

/** When the first mail comes. Not long ago: pflogsumm knows no years. */
const epoch = Math.floor(Date.now() / 1000) - 2 * 86_400;

const clients = "example.net\n";

/** Both say the same, and what postgreyreport looks for. */
const text = "Greylisted, try again";

/** A mail: seconds after the first one, and what it differs in. */
type Mail = readonly [at: number, changes: Readonly<Record<string, string>>];

/** New mail, some that comes back too early, some that comes back, and again; a whitelist, and a client that earns. */
function mails(): Mail[] {
  const all: Mail[] = [];
  for (let n = 0; n < 12; n++) {
    const mail = {
      client_name: `mx${n}.example.org`,
      client_address: `198.51.${n}.7`,
      // The null sender has no field.
      sender: n === 3 ? "" : `user${n}@example.org`,
      recipient: `robin${n % 2}@example.com`,
    };
    all.push([n, mail]);
    if (n % 3 === 0) all.push([n + 60, mail]);
    if (n % 2 === 0) all.push([n + 400 + 10 * n, mail], [n + 2000, mail]);
  }
  all.push([5, { client_name: "mail.example.net", client_address: "203.0.113.5" }]);
  for (let hour = 1; hour <= 6; hour++) {
    const mail = { client_address: "203.0.113.9", sender: `a${hour}x@example.org` };
    all.push([hour * 4000, mail], [hour * 4000 + 500, mail]);
  }
  return all.sort(([a], [b]) => a - b);
}

/** A line as rsyslog writes it into mail.log. */
function logged(line: string, program: string, at: number): string {
  const message = syslogMessage(line, "info", program, 4711, new Date(at * 1000));
  return message.replace(/^<\d+>(.{15}) /, "$1 mail ");
}

/** What Postfix logs when it says no. */
function rejection(mail: ReadonlyMap<string, string>, answer: string, at: number): string[] {
  const [, said] = /^DEFER_IF_PERMIT (?:4\.2\.0 )?(.*)$/.exec(answer) ?? [];
  if (said === undefined) return [];
  const of = (name: string) => mail.get(name) ?? "";
  return [logged(
    `NOQUEUE: reject: RCPT from ${of("client_name")}[${of("client_address")}]: ` +
      `450 4.2.0 <${of("recipient")}>: Recipient address rejected: ${said}; ` +
      `from=<${of("sender")}> to=<${of("recipient")}> proto=ESMTP helo=<${of("helo_name")}>`,
    "postfix/smtpd",
    at,
  )];
}

test("logwatch, pflogsumm and postgreyreport say of our log what they say of postgrey's", async (t) => {
  const postgrey = await startPostgrey(t, { args: [`--greylist-text=${text}`], clients });
  let now = epoch;
  const kept = keptLog();
  const { log, flush } = openLog(kept.destination, {
    threshold: "info",
    format: "postgrey",
    now: () => now * 1000,
  });
  const store = new MemoryStore(() => now);
  const policy = createPolicy({
    ...policyOptions,
    // Postgrey's ways: no senders and no domains are remembered.
    senders: false,
    rules: { ...policyOptions.rules, domainSenders: 0 },
    subjectOf: subjects({ clientIdentity: "network", normalizeSenders: "postgrey" }),
    lists: { ...policyOptions.lists, clients: clientList(clients) },
    deferText: deferralTemplate("DEFER_IF_PERMIT", `4.2.0 ${text}`),
  }, {
    store,
    log,
    clock: () => now,
    instances: new Instances(),
    learning: new Learning(store, log),
  });

  const theirs: string[] = [], ours: string[] = [];
  for (const [n, [at, changes]] of mails().entries()) {
    now = epoch + at;
    const mail = request({ ...changes, instance: `${n}.1.0` });
    const known = postgrey.lines().length;
    const said = await postgrey.ask(mail, now) ?? "";
    await waitFor("postgrey's line", () => postgrey.lines().slice(known).some(isDecision));
    theirs.push(...postgrey.lines().slice(known).map((line) => logged(line, "postgrey", now)));
    theirs.push(...rejection(mail, said, now));
    const answer = encodeAction(await policy.answer(mail)).replace(/^action=|\n\n$/g, "");
    await flush(1000);
    ours.push(...kept.lines.splice(0).map((line) => logged(line, "postgrey", now)));
    ours.push(...rejection(mail, answer, now));
  }
  await postgrey.stop();

  const folder = tempDir(t);
  const database = path.join(folder, "database");
  fs.mkdirSync(database);
  for (const name of fs.readdirSync(postgrey.folder)) {
    if (/\.db$|^log\.|^__db/.test(name)) {
      fs.copyFileSync(path.join(postgrey.folder, name), path.join(database, name));
    }
  }
  const report = ["postgreyreport", "--user=root", `--dbdir=${database}`];
  const tools: readonly [RegExp, readonly string[]][] = [
    [/Postgrey[^]*Greylist[^]*Early-retry[^]*Pass[^]*Client AWL[^]*Whitelisted/, [
      "perl",
      "/usr/share/logwatch/scripts/services/postfix",
      "--detail=11",
      // As its configuration in Debian has it.
      "--syslog_name=(?:post(?:fix|grey|fwd)|policyd-spf)",
    ]],
    [/Greylisted/, ["pflogsumm", "--verbose_msg_detail"]],
    [/user1@example\.org/, [...report, `--greylist-text=${text}`]],
  ];
  for (const [expected, words] of tools) {
    const said = run(words, ours);
    assert.match(said, expected, words.join(" "));
    assert.equal(said, run(words, theirs), words.join(" "));
  }
});

const isDecision = (line: string) => /\baction=/.test(line);

/** What a tool says of a log. */
function run([program = "", ...args]: readonly string[], lines: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    input: lines.map((line) => `${line}\n`).join(""),
    encoding: "utf8",
  });
  assert.equal(status, 0, `${program}: ${error?.message ?? stderr}`);
  return stdout;
}
