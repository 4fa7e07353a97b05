/** `greylist check-config`: what the configuration's world lacks is a warning, and only that. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { startProgram, underBun } from "../support/greylist.ts";
import { startMemcached } from "../support/memcached.ts";
import { atEnd, type Cleanup, start, tempDir } from "../support/process.ts";
import { NOBODY, stageProgram } from "../support/program.ts";

/** Settings with which nothing is lacking, wherever the tests run. */
const fine = ["--mode", "daemon", "--store", "memory", "--log", "none"];

/** Runs it, with settings in place of some of those; gives its status, and its lines. */
async function check(t: Cleanup, args: readonly string[], command?: readonly string[]) {
  const unset = fine.flatMap((word, n) =>
    word.startsWith("--") && !args.includes(word) ? [word, fine[n + 1] ?? ""] : []
  );
  const words = ["check-config", ...unset, ...args];
  const program = command === undefined
    ? startProgram(t, words)
    : start(t, "env", ["-i", "PATH=/usr/bin:/bin", ...command, ...words]);
  const status = await program.exited;
  const lines = program.stderr().split("\n").filter((line) => line !== "");
  return { status, lines, said: program.stdout() };
}

/** Expects one warning, status 0, and with --strict status 1. */
async function assertWarns(t: Cleanup, args: readonly string[], warning: RegExp) {
  for (const [strict, expected] of [[[], 0], [["--strict"], 1]] as const) {
    const { status, lines, said } = await check(t, [...args, ...strict]);
    assert.match(lines.join("\n"), warning);
    assert.match(lines.join("\n"), /^greylist: warning: [^\n]*$/);
    assert.equal(status, expected, args.join(" "));
    assert.equal(said, "the configuration can be used; see the warnings\n");
  }
}

test("when nothing is lacking, it says so, and is strict about nothing", async (t) => {
  const dir = tempDir(t), memcached = await startMemcached(t);
  fs.writeFileSync(`${dir}/secret`, "0123456789abcdef", { mode: 0o640 });
  const args = [
    ...["--store", `memcached:${memcached.server}`, "--log", `file:${dir}/log`],
    ...["--listen", `unix:${dir}/socket`, "--key-secret-file", `${dir}/secret`],
  ];
  const { status, lines, said } = await check(t, [...args, "--strict"]);
  assert.deepEqual({ status, lines, said }, {
    status: 0,
    lines: [],
    said: "the configuration is good\n",
  });
  assert.deepEqual(fs.readdirSync(dir), ["secret"], "it has left something");
});

test("every problem is told at once: settings', secrets' and lists'", async (t) => {
  const dir = tempDir(t), conf = `${dir}/greylist.conf`, list = `${dir}/clients`;
  fs.writeFileSync(list, "# ours\n10.0.0.0/33\n");
  const lines = [
    ...["delay = soon", "store = disk", "ipv4-prefix = 99", "listen = inet:a!b:1", "no-such = 1"],
    ...["key-secret-file = /nowhere/secret", "whitelist-recipients = /nowhere/recipients"],
    ...["greylist-recipients = nowhere/relative", `whitelist-clients = ${list}`],
  ];
  fs.writeFileSync(conf, `${lines.join("\n")}\n`);
  const program = startProgram(t, ["check-config", "--config", conf]);
  assert.equal(await program.exited, 78);
  const told = program.stderr();
  for (const line of [1, 2, 3, 4, 5, 6, 8]) assert.match(told, new RegExp(`${conf}:${line}: `));
  assert.match(told, new RegExp(`${list}:2: `));
  assert.match(told, /Cannot read "\/nowhere\/recipients"/);
});

test("a log that cannot be written is a warning: in spawn mode there is no other word of it", async (t) => {
  const dir = tempDir(t), memcached = await startMemcached(t);
  const spawn = ["--mode", "spawn", "--store", `memcached:${memcached.server}`];
  await assertWarns(t, [...spawn, "--log", `file:${dir}/missing/log`], /log: .*missing/);
  await assertWarns(t, [...spawn, "--log", `file:${dir}`], /log: .*folder/);
  // Under Bun nothing can be sent there in any case.
  if (underBun) return;
  await assertWarns(t, [...spawn, "--log", `syslog:${dir}/nobody`], /log: .*nobody/);
});

test("a store that does not answer is a warning, and does not hold it up", async (t) => {
  await assertWarns(t, ["--store", "memcached:127.0.0.1:1"], /store: .*127\.0\.0\.1:1/);
  const memcached = await startMemcached(t);
  memcached.freeze();
  const began = performance.now();
  const frozen = ["--store", `memcached:${memcached.server}`, "--store-timeout", "300ms"];
  await assertWarns(t, frozen, /store: memcached/);
  assert.ok(performance.now() - began < 10_000);
  memcached.thaw();
  await assertWarns(t, ["--store", `sqlite:${tempDir(t)}/none/db`], /store: sqlite:/);
});

test("a unix socket that cannot be made is a warning", async (t) => {
  const dir = tempDir(t);
  await assertWarns(t, ["--listen", `unix:${dir}/none/socket`], /listen: .*none/);
  fs.writeFileSync(`${dir}/file`, "");
  await assertWarns(
    t,
    ["--listen", `unix:${dir}/file`],
    /listen: .*file is there, and is no socket/,
  );
  // One that a running server has made is as it should be.
  const server = net.createServer().listen(`${dir}/socket`);
  atEnd(t, () => void server.close());
  const { status, lines } = await check(t, ["--listen", `unix:${dir}/socket`]);
  assert.deepEqual({ status, lines }, { status: 0, lines: [] });
});

test("a secret that everybody on the machine can read is a warning that does not show it", async (t) => {
  const dir = tempDir(t), key = path.join(dir, "key"), auth = path.join(dir, "auth");
  fs.writeFileSync(key, "hush-hush-hush-hush");
  fs.writeFileSync(auth, "user:hush");
  for (const file of [key, auth]) fs.chmodSync(file, 0o644);
  await assertWarns(t, ["--key-secret-file", key], /key-secret-file: .*key is open to everybody/);
  await assertWarns(t, ["--memcached-auth-file", auth], /auth-file: .*\(mode 0644\)/);
});

const asRoot = { skip: process.getuid?.() === 0 ? false : "only root can become another user" };

test("it is this user's world: what only root can write is a warning", asRoot, async (t) => {
  const dir = tempDir(t);
  const user = ["setpriv", "--reuid", `${NOBODY}`, "--regid", `${NOBODY}`, "--clear-groups"];
  const args = [
    ...["--listen", `unix:${dir}/socket`, "--log", `file:${dir}/log`],
    ...["--store", `sqlite:${dir}/db`],
  ];
  const { status, lines } = await check(t, args, [...user, stageProgram(t)]);
  assert.equal(status, 0);
  const about = lines.map((line) => line.replace("greylist: warning: ", "").split(":")[0]);
  assert.deepEqual(about, ["log", "store", "listen"]);
});

test("doubts about the settings are warnings, too, and come beside problems", async (t) => {
  await assertWarns(t, ["--max-age", "35"], /warning: --max-age: max-age = 35 is 35s/);
  const { status, lines } = await check(t, ["--text", "'x'", "--delay", "soon"]);
  assert.equal(status, 78);
  assert.match(lines[0] ?? "", /^greylist: warning: --text: text is in quotes/);
  assert.match(lines[1] ?? "", /^greylist: --delay: Cannot parse delay/);
});

test("in spawn mode it alone tells the doubts: a process for each smtpd would tell them all day", async (t) => {
  const log = path.join(tempDir(t), "log");
  const args = ["--store", "memcached:127.0.0.1:1", "--log", `file:${log}`, "--max-age", "35"];
  const program = startProgram(t, args);
  program.child.stdin?.end("request=smtpd_access_policy\nprotocol_state=RCPT\n\n");
  assert.equal(await program.exited, 0);
  assert.match(program.stdout(), /^action=/);
  assert.doesNotMatch(fs.readFileSync(log, "utf8"), /max-age/);
});

test("--strict is check-config's alone", async (t) => {
  const program = startProgram(t, ["--strict", ...fine]);
  assert.equal(await program.exited, 78);
  assert.match(program.stderr(), /^greylist: --strict: only check-config and check-list take it/);
});
