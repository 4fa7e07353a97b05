/** `greylist check-list`: what is in a list, which entries do nothing, which lines cannot be read. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { startProgram } from "../support/greylist.ts";
import { type Cleanup, tempDir } from "../support/process.ts";

/** Writes files into a folder of their own, and asks about some of its paths. */
async function check(
  t: Cleanup,
  files: Readonly<Record<string, string>>,
  args: (dir: string) => readonly string[],
) {
  const dir = tempDir(t);
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), Buffer.from(text, "latin1"));
  }
  const program = startProgram(t, ["check-list", ...args(dir)]);
  const status = await program.exited;
  const lines = program.stderr().split("\n").filter((line) => line !== "")
    .map((line) => line.replaceAll(`${dir}/`, "").replace(/^greylist: /, ""));
  return { status, lines, said: program.stdout() };
}

test("a list of which every entry does something is counted, and that is all", async (t) => {
  const clients = "example.org\n203.0.113.1\n198.51.100.0/24\n192.0\n2001:db8::/32\n/^mx\\d/\n";
  const result = await check(t, { whitelist_clients: clients }, (dir) => [
    "--strict",
    `${dir}/whitelist_clients`,
  ]);
  assert.deepEqual(result, {
    status: 0,
    lines: [],
    said: "list of clients, entries: 6 (names: 1, addresses: 1, networks: 3, patterns: 1)\n",
  });
});

test("entries that do nothing are warnings, which --strict makes status 1", async (t) => {
  const senders = "Alice@example.org\nalice@EXAMPLE.org.\nexample.net\nbob@mx.example.net\n" +
    "prvs=1234abcdef=carol@example.com\n";
  for (const [flags, expected] of [[[], 0], [["--strict"], 1]] as const) {
    const { status, lines, said } = await check(
      t,
      { senders },
      (dir) => [...flags, `${dir}/senders`],
    );
    assert.equal(status, expected);
    assert.equal(said, "list of senders, entries: 5 (addresses: 4, domains: 1)\n");
    assert.deepEqual(lines, [
      'warning: senders:2: "alice@EXAMPLE.org." says the same as senders:1: "Alice@example.org"',
      'warning: senders:4: "bob@mx.example.net" adds nothing: it stands below senders:3: "example.net"',
      'warning: senders:5: "prvs=1234abcdef=carol@example.com" never matches: a tag of BATV or SRS ' +
      "changes from mail to mail; write the address without it",
    ]);
  }
});

test("every file and line that cannot be read is told at once, and the status is 78", async (t) => {
  const files = {
    "whitelist_clients.d/10.conf": "example.org\n*.bad.example\nuser@example.org\n",
    "whitelist_clients.d/20.conf~": "*.not-read\n",
    "whitelist_clients.d/30": "\xef\xbb\xbfmx.example.org\r\n/(/\r\n",
    "whitelist_clients.d/sub/10.conf": "*.not-read\n",
  };
  const { status, lines, said } = await check(t, files, (dir) => {
    execFileSync("mkfifo", [`${dir}/whitelist_clients.d/40`]);
    return [`${dir}/whitelist_clients.d/`, `${dir}/none_of_clients`];
  });
  assert.equal(status, 78);
  assert.equal(said, "list of clients, entries: 2 (names: 2)\n");
  assert.deepEqual(lines.map((line) => line.replace(/(: ENOENT|: it is).*|want .*, got /, "")), [
    "warning: whitelist_clients.d/sub is a folder in a folder of lists, and not read",
    'warning: whitelist_clients.d/30:1: "mx.example.org" adds nothing: it stands below ' +
    'whitelist_clients.d/10.conf:1: "example.org"',
    'Cannot read "whitelist_clients.d/40"',
    'Cannot read "none_of_clients"',
    'whitelist_clients.d/10.conf:2: Cannot parse entry: "*.bad.example"',
    'whitelist_clients.d/10.conf:3: Cannot parse entry: "user@example.org"',
    'whitelist_clients.d/30:2: Cannot parse entry: "/(/"',
    "see greylist --help",
  ]);
});

test("what is no file is a problem, and read by nobody", async (t) => {
  for (const path of ["/dev/stdin", "/dev/zero", "/proc/self/fd/0"]) {
    const { status, lines } = await check(t, {}, () => ["--clients", path]);
    assert.equal(status, 78, path);
    assert.match(lines[0] ?? "", /^Cannot read "\/\w.*": .*; want a file or a folder/);
  }
  assert.equal((await check(t, {}, () => ["--clients", "/dev/null"])).status, 0);
});

test("what kind of list it is, a switch or the file's name says, or it asks", async (t) => {
  const ask = (name: string, ...flags: string[]) =>
    check(t, { [name]: "postmaster@\n" }, (dir) => [...flags, path.join(dir, name)]);
  const recipients = "list of recipients, entries: 1 (users: 1)\n";
  assert.equal((await ask("mine", "--recipients")).said, recipients);
  assert.equal((await ask("clients/greylist_recipients.d/10-mine")).said, recipients);
  const senders = "list of senders, entries: 1 (users: 1)\n";
  assert.equal((await ask("clients", "--senders")).said, senders);
  const { status, lines } = await ask("mine");
  assert.equal(status, 78);
  assert.match(lines[0] ?? "", /^mine: want one of --clients, --senders and --recipients, or /);
  assert.equal((await ask("mine", "--clients", "--senders")).status, 78);
  assert.equal((await check(t, {}, () => [])).lines[0], "check-list: want FILE behind it");
});

test("an extension begins with what --recipient-delimiter says", async (t) => {
  const list = { recipients: "user@example.org\nuser-x@example.org\n" };
  const ask = (...flags: string[]) => check(t, list, (dir) => [...flags, `${dir}/recipients`]);
  assert.deepEqual((await ask()).lines, []);
  const { lines } = await ask("--recipient-delimiter", "-");
  assert.match(lines.join(), /"user-x@example\.org" adds nothing/);
});
