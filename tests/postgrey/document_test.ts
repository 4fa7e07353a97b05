/**
 * What doc/from-postgrey.md says about postgrey's options and lists is true; tests/changeover goes its way from one to
 * the other. Needs the Debian package postgrey.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { test } from "node:test";
import { settingNames } from "../../lib/config/settings.ts";
import { readClientList } from "../../lib/lists/clients.ts";
import { readRecipientList } from "../../lib/lists/recipients.ts";
import { finish } from "../../lib/lists/slices.ts";
import { startPostgrey } from "../support/postgrey.ts";

const document = fs.readFileSync(new URL("../../doc/from-postgrey.md", import.meta.url), "utf8");

function section(heading: string): string {
  const [, text] = document.split(`\n## ${heading}\n`);
  assert.ok(text !== undefined, heading);
  return text.split("\n## ")[0] ?? "";
}

/** The cells of a section's table, without its head. */
function rows(heading: string): string[][] {
  return section(heading).split("\n").filter((line) => line.startsWith("| `")).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  );
}

const codes = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? "");

function debian(name: string) {
  const file = `/etc/postgrey/${name}`;
  return { file, text: fs.readFileSync(file, "latin1") };
}

test("the document has every option that postgrey has", () => {
  const { stdout, stderr } = spawnSync("/usr/sbin/postgrey", ["--help"], { encoding: "latin1" });
  const options = [...(stdout + stderr).matchAll(/^ {5}.{4} ?--([a-z0-9-]+)/gm)];
  assert.ok(options.length >= 25, stdout + stderr);
  const told = rows("Options").flatMap(([theirs = ""]) => codes(theirs))
    .map((code) => code.replace(/[=[].*/, ""));
  for (const [, option] of options) assert.ok(told.includes(`--${option}`), option);
});

test("the document names settings that greylist has", () => {
  for (const [, ours = "", note = ""] of rows("Options")) {
    for (const code of [...codes(ours), ...codes(note)]) {
      const [, name] = /^([a-z][a-z0-9-]{2,})(?: = .*)?$/.exec(code) ?? [];
      if (name === undefined || ["none", "mail"].includes(name)) continue;
      assert.ok((settingNames as readonly string[]).includes(name), code);
    }
  }
});

test("the document says the truth about Debian's lists: there is no problem in them", async () => {
  const clients = [debian("whitelist_clients")], recipients = [debian("whitelist_recipients")];
  const { list, size, problems } = await finish(readClientList(clients));
  assert.deepEqual(problems, []);
  assert.ok(size > 150);
  const match = (name: string, address: string) => list.match({ name, address })?.text;
  assert.equal(match("mx.debian.org", "192.0.2.1"), "debian.org");
  assert.equal(match("unknown", "195.235.39.77"), "195.235.39");
  assert.equal(match("ms-smtp-7.example.rr.com", "192.0.2.1"), "/^ms-smtp.*\\.rr\\.com$/");
  assert.equal(match("unknown", "2a01:4180:4051:800::9"), "2a01:4180:4051:0800::/64");
  const read = await finish(readRecipientList(recipients));
  assert.deepEqual(read.problems, []);
  assert.equal(read.list.match("abuse@example.org")?.text, "abuse@");
});

test("the document lists lines that are problems, and that do nothing in postgrey", async (t) => {
  const lines = rows("Lists").flatMap(([theirs = ""]) =>
    codes(theirs).map((text) => ({ text, recipients: theirs.includes("(recipients)") }))
  );
  assert.ok(lines.length >= 12);
  for (const { text, recipients } of lines) {
    const sources = [{ file: "list", text }];
    const { problems } = recipients
      ? await finish(readRecipientList(sources))
      : await finish(readClientList(sources));
    assert.equal(problems.length, 1, text);
  }
  const listed = (recipients: boolean) =>
    lines.filter((line) => line.recipients === recipients).map(({ text }) => text).join("\n");
  const postgrey = await startPostgrey(t, {
    clients: listed(false),
    recipients: listed(true),
  });
  const asked = new Map(Object.entries({
    request: "smtpd_access_policy",
    client_name: "mx.example.org",
    client_address: "192.0.2.1",
    sender: "user@example.org",
    recipient: "user@example.org",
  }));
  assert.match(await postgrey.ask(asked, 1_700_000_000) ?? "", /^DEFER_IF_PERMIT/);
  asked.set("client_address", "2001:db8::1");
  assert.match(await postgrey.ask(asked, 1_700_000_000) ?? "", /^DEFER_IF_PERMIT/);
});
