import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { connect, dunno, request, startDaemon, startProgram } from "../support/greylist.ts";
import { type Cleanup, tempDir, waitFor } from "../support/process.ts";

/** A daemon with a configuration file and a list of clients that the test writes. */
async function daemonWithFiles(t: Cleanup, conf: string, list: string) {
  const dir = tempDir(t);
  const files = { conf: path.join(dir, "greylist.conf"), list: path.join(dir, "clients") };
  const write = (file: keyof typeof files, text: string) => {
    // As an editor does it: another file takes the name.
    fs.writeFileSync(`${files[file]}.new`, text);
    fs.renameSync(`${files[file]}.new`, files[file]);
  };
  write("conf", `whitelist-clients = ${files.list}\n${conf}`);
  write("list", list);
  const daemon = await startDaemon(t, ["--config", files.conf]);
  const postfix = await connect(t, daemon.endpoints[0]);
  const said = (text: string) =>
    waitFor(`the log to say: ${text}`, () => daemon.stderr().includes(text));
  return { files, write, daemon, postfix, said };
}

const fromExample = () => request({ client_name: "mx.example.org" });

test("SIGHUP makes new settings effective on connections that are open", async (t) => {
  const on = await daemonWithFiles(t, "delay = 300s\n", "");
  assert.match(await on.postfix.ask(fromExample()), /in 30[01] seconds/);
  on.write("conf", `whitelist-clients = ${on.files.list}\ndelay = 600s\n`);
  on.daemon.child.kill("SIGHUP");
  await on.said("took the new configuration");
  assert.match(await on.postfix.ask(fromExample()), /in (?:60[01]|59\d) seconds/);
});

test("what is doubtful is told at the start, and at a reload, and used", async (t) => {
  const on = await daemonWithFiles(t, "max-age = 35\n", "");
  await on.said("greylist.conf:2: max-age = 35 is 35s");
  on.write("conf", `whitelist-recipients = ${on.files.list}\nmax-age = 36\n`);
  on.write("list", "caf\u00e9.example\n\u200dx.example\n");
  on.daemon.child.kill("SIGHUP");
  await on.said("took the new configuration");
  assert.match(on.daemon.stderr(), /greylist\.conf:2: max-age = 36 is 36s/);
  assert.match(on.daemon.stderr(), /clients:2: "\\xe2\\x80\\x8dx\.example" has no domain/);
  assert.equal(
    await on.postfix.ask(request({ recipient: "bob@xn--caf-dma.example" })),
    dunno,
  );
});

test("with a configuration that is wrong SIGHUP changes nothing and tells every problem", async (t) => {
  const on = await daemonWithFiles(t, "delay = 300s\n", "");
  on.write("conf", "delay = soon\nmood = good\n");
  on.daemon.child.kill("SIGHUP");
  await on.said("what was read before stays in force");
  assert.match(on.daemon.stderr(), /greylist\.conf:1: Cannot parse delay: /);
  assert.match(on.daemon.stderr(), /greylist\.conf:2: no such setting: "mood"/);
  assert.match(await on.postfix.ask(fromExample()), /in 30[01] seconds/);
});

test("a list that changes on disk is taken without being asked, and one that is wrong is not", async (t) => {
  const on = await daemonWithFiles(t, "", "");
  assert.match(await on.postfix.ask(fromExample()), /^action=DEFER_IF_PERMIT/);
  on.write("list", "example.org\n");
  await on.said("took the new lists");
  assert.equal(await on.postfix.ask(fromExample()), dunno);
  on.write("list", "example.org\n300.0.0.1\n");
  await on.said("what was read before stays in force");
  assert.match(on.daemon.stderr(), /clients:2: Cannot parse entry: want .*, got "300\.0\.0\.1"/);
  assert.equal(await on.postfix.ask(fromExample()), dunno);
});

test("while a million entries are read, answers come as before", async (t) => {
  const on = await daemonWithFiles(t, "", "");
  const entries = Array.from({ length: 1_000_000 }, (_, n) => `mail${n}.example${n % 97}.net\n`);
  on.write("list", entries.join("") + "example.org\n");
  on.daemon.child.kill("SIGHUP");
  let latest = 0, asked = 0;
  while (!on.daemon.stderr().includes("took the new configuration")) {
    const began = performance.now();
    await on.postfix.ask(request({ sender: `sender${asked++}@example.org` }));
    latest = Math.max(latest, performance.now() - began);
  }
  t.diagnostic(`the latest of ${asked} answers took ${latest.toFixed(0)} ms`);
  assert.equal(await on.postfix.ask(fromExample()), dunno);
  // Read in one go it is two seconds; the machine that runs the tests may be busy.
  assert.ok(latest < 500, `${latest} ms`);
  assert.ok(asked > 20, `${asked} answers`);
});

test("what is asked for while a list is being read is done after it, once", async (t) => {
  const on = await daemonWithFiles(t, "", "");
  on.write("list", Array.from({ length: 300_000 }, (_, n) => `mail${n}.example\n`).join(""));
  for (const minutes of [1, 2, 3]) {
    on.write("conf", `whitelist-clients = ${on.files.list}\ndelay = ${minutes}m\n`);
    // Not child.kill(): Deno's does nothing the second time.
    process.kill(on.daemon.pid, "SIGHUP");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const times = () => on.daemon.stderr().split("took the new configuration").length - 1;
  let asked = 0;
  const last = async () =>
    /in 18[01] seconds/.test(
      await on.postfix.ask(request({ sender: `sender${asked++}@example.org` })),
    );
  await waitFor("the last one to be done", last, 30_000);
  assert.ok(times() <= 2, `${times()} times`);
});

test("a list that goes out of reach leaves the old one in force, and the daemon alive", async (t) => {
  const on = await daemonWithFiles(t, "", "example.org\n");
  assert.equal(await on.postfix.ask(fromExample()), dunno);
  fs.rmSync(on.files.list);
  // A link to itself: looking at it fails, for root too.
  fs.symlinkSync(on.files.list, on.files.list);
  await on.said("what was read before stays in force");
  assert.equal(await on.postfix.ask(fromExample()), dunno);
});

test("a list that becomes a pipe leaves the old one in force, and no answer waits for it", async (t) => {
  const on = await daemonWithFiles(t, "", "example.org\n");
  fs.rmSync(on.files.list);
  execFileSync("mkfifo", [on.files.list]);
  await on.said("it is a pipe, which can be read only once");
  await on.said("what was read before stays in force");
  assert.equal(await on.postfix.ask(fromExample()), dunno);
});

test("of a list that is a folder a new file counts, and a bad one leaves the old list whole", async (t) => {
  const folder = path.join(tempDir(t), "whitelist_senders.d");
  fs.mkdirSync(folder);
  // Folders in it, each of which has both again.
  for (const name of ["again", "and-again"]) fs.symlinkSync(".", path.join(folder, name));
  const on = await daemonWithFiles(t, `whitelist-senders = ${folder}/\n`, "");
  const passes = (sender: string) => async () =>
    await on.postfix.ask(request({ sender })) === dunno;
  const write = (name: string, text: string) => fs.writeFileSync(path.join(folder, name), text);
  const times = () => on.daemon.stderr().split("took the new lists").length - 1;

  await on.said(`${folder}/again is a folder in a folder of lists, and not read`);
  assert.ok(!await passes("bob@example.org")());
  write("10-people.conf", "bob@example.org\n");
  await waitFor("the new file to count", passes("bob@example.org"));
  await on.said("took the new lists");
  const before = times();
  write("20-bad.conf", "carol@example.org\n@dave.example\n");
  write("30-good.conf", "erin@example.org\n");
  await on.said(`${folder}/20-bad.conf:2: Cannot parse entry: want `);
  await on.said("what was read before stays in force");
  assert.ok(await passes("bob@example.org")(), "the old lists stay whole");
  assert.ok(!await passes("erin@example.org")(), "nothing of the new ones counts");
  assert.equal(times(), before);
});

test("a setting that only a restart changes is named, and stays", async (t) => {
  const on = await daemonWithFiles(t, "", "");
  on.write("conf", `whitelist-clients = ${on.files.list}\nmax-connections = 7\n`);
  on.daemon.child.kill("SIGHUP");
  await on.said("only a restart changes max-connections");
});

test("at the start a list that cannot be read stops the program, with every line of it", async (t) => {
  const dir = tempDir(t), list = path.join(dir, "clients");
  fs.writeFileSync(list, "fine.example\n300.0.0.1\n*.example.org\n");
  const args = [
    "check-config",
    "--whitelist-clients",
    list,
    "--greylist-recipients",
    `${dir}/none`,
  ];
  const program = startProgram(t, args);
  assert.equal(await program.exited, 78);
  const lines = program.stderr().split("\n");
  assert.match(
    lines[0] ?? "",
    /^greylist: \/.*clients:2: Cannot parse entry: want .*, got "300\.0\.0\.1"$/,
  );
  assert.match(
    lines[1] ?? "",
    /^greylist: \/.*clients:3: Cannot parse entry: want .*, got "\*\.example\.org"$/,
  );
  assert.match(lines[2] ?? "", /^greylist: Cannot read ".*none": /);
});
