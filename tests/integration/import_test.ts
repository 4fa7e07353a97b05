/** `greylist import` and `greylist export`, with the real program, SQLite and a real memcached. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { blocksRunBy } from "../support/documented.ts";
import { environment, program, startProgram } from "../support/greylist.ts";
import { startMemcached } from "../support/memcached.ts";
import { type Cleanup, tempDir, waitFor } from "../support/process.ts";

const head = ["VERSION=3", "format=print", "type=btree", "db_pagesize=4096", "HEADER=END"];
const now = Math.floor(Date.now() / 1000);

function dump(entries: readonly (readonly [key: string, value: string])[]): string {
  const lines = entries.flatMap(([key, value]) => [` ${key}`, ` ${value}`]);
  return [...head, ...lines, "DATA=END", ""].join("\n");
}

/** Triplets that have passed. */
function triplets(count: number): string {
  return dump(Array.from({ length: count }, (_, i) => {
    return [`198.51.${i >> 8}.0/sender-${i % 7}@x${i}.example/r@d.example`, `${now - 900},${now}`];
  }));
}

interface Outcome {
  readonly status: number | null;
  readonly out: string;
  readonly told: string;
}

/** Runs a command of the program; `file` is in a folder of the test. */
function tools(t: Cleanup) {
  const folder = tempDir(t), state = path.join(folder, "state.db");
  const file = (name: string, text: string) => {
    fs.writeFileSync(path.join(folder, name), text, "latin1");
    return path.join(folder, name);
  };
  const [command = "", ...words] = program;
  const run = (args: readonly string[], input = ""): Outcome => {
    // Through env(1): node:child_process in Deno rewrites the arguments of what it knows to be Deno.
    const all = [
      command,
      ...words,
      ...args,
      ...args.includes("--store") ? [] : ["--store", `sqlite:${state}`],
    ];
    const { status, stdout, stderr } = spawnSync("env", all, {
      env: environment(),
      input,
      encoding: "utf8",
      maxBuffer: 1 << 26,
    });
    return { status, out: stdout, told: stderr };
  };
  return { folder, state, file, run };
}

test("what was imported is exported, imported elsewhere, and changes nothing the second time", async (t) => {
  const { run, file, folder, state } = tools(t);
  const triplet = file("postgrey.dump", triplets(3000));
  const clients = file(
    "clients.dump",
    dump([["198.51.1.7", `9,${now}`], ["198.51.1.8", `1,${now}`]]),
  );
  assert.deepEqual(run(["import", "--from", "postgrey", "--dry-run", triplet, clients]), {
    status: 0,
    out: "would import 3002 entries of 3002 read\n",
    told: "",
  });
  assert.ok(!fs.existsSync(state), "a trial makes nothing");
  const first = run(["import", "--from", "postgrey", triplet, clients]);
  assert.deepEqual(first, { status: 0, out: "imported 3002 entries of 3002 read\n", told: "" });
  const again = run(
    ["import", "--from", "postgrey", "-", clients],
    fs.readFileSync(triplet, "latin1"),
  );
  assert.equal(again.out, "imported 0 entries of 3002 read, 3002 known already\n");
  const exported = run(["export"]);
  assert.equal(exported.status, 0);
  assert.equal(exported.out.split("\n").length, 3002 + 3);
  const copy = file("export.json", exported.out), other = `sqlite:${folder}/other.db`;
  assert.equal(run(["import", "--store", other, copy]).out, "imported 3002 entries of 3002 read\n");
  assert.equal(run(["export", "--store", other]).out, exported.out);
  const memcached = await startMemcached(t);
  const remote = ["--store", `memcached:${memcached.server}`];
  assert.equal(run(["import", ...remote, copy]).out, "imported 3002 entries of 3002 read\n");
  assert.match(
    run(["import", ...remote, copy]).out,
    /^imported 0 entries .* 3002 known already\n$/,
  );
});

test("what doc/state.md shows moves the state", async (t) => {
  const { run, file, folder, state } = tools(t);
  run(["import", "--from", "postgrey", file("postgrey.dump", triplets(3))]);
  const shown = blocksRunBy(import.meta.url, "doc/state.md").map(({ text }) => text).join("");
  const { server } = await startMemcached(t);
  const conf = file("greylist.conf", `store = sqlite:${state}\n`);
  const words = ["env", ...program].map((word) => `'${word}'`).join(" ");
  fs.writeFileSync(
    path.join(folder, "greylist"),
    `#!/bin/sh\nexec ${words} "$@" --config ${conf}\n`,
    {
      mode: 0o755,
    },
  );
  const commands = shown.replaceAll("/root", folder).replace("mx2.example.org:11211", server);
  const { stdout, stderr } = spawnSync("sh", ["-ec", commands], {
    env: { ...environment(), PATH: `${folder}:${environment()["PATH"]}` },
    encoding: "utf8",
  });
  assert.deepEqual([stdout, stderr], ["imported 3 entries of 3 read\n", ""]);
});

test("another key-prefix or secret is an error before anything is written", (t) => {
  const { run, file, folder } = tools(t);
  run(["import", "--from", "postgrey", file("postgrey.dump", triplets(1))]);
  const copy = file("export.json", run(["export"]).out),
    whole = file("whole.json", run(["export"]).out);
  const other = `sqlite:${folder}/other.db`, secret = file("secret", "0123456789abcdef");
  fs.chmodSync(secret, 0o600);
  for (const flag of [["--key-prefix", "q:"], ["--key-secret-file", secret]]) {
    const refused = run(["import", "--store", other, ...flag, whole, copy]);
    assert.equal(refused.status, 65);
    assert.match(refused.told, /export|whole\.json: line 1: .* here, so that none of its entries/);
    assert.ok(!fs.existsSync(path.join(folder, "other.db")));
  }
});

test("what cannot be read is told by file and line, and the rest is imported", (t) => {
  const { run, file } = tools(t);
  const good = "198.51.100.0/a@x.example/r@d.example", times = `${now - 900},${now}`;
  const bad = file(
    "bad.dump",
    dump([
      ["x".repeat(1 << 20), times],
      [good, "never"],
      ["06d32a0fb0f472ee733b6c68cb0c1ec5e51f1a00", times],
      [good, times],
    ]),
  );
  const found = run(["import", "--from", "postgrey", bad]);
  assert.equal(found.status, 65);
  assert.equal(found.out, "imported 1 entry of 4 read, 3 that cannot be read\n");
  assert.deepEqual(found.told.split("\n"), [
    `greylist: ${bad}: line 6: too long`,
    `greylist: ${bad}: line 9: no times of postgrey`,
    `greylist: ${bad}: line 10: hashed by postgrey --privacy, which nobody can undo`,
    "",
  ]);
});

test("a row of sqlgrey with a megabyte for a sender is left out, and the rest is imported", async (t) => {
  const { run, folder } = tools(t), name = path.join(folder, "sqlgrey.db");
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(name);
  database.exec(
    `CREATE TABLE connect (sender_name, sender_domain, src, rcpt, first_seen INT);
     CREATE TABLE from_awl (sender_name, sender_domain, src, first_seen INT, last_seen INT);
     CREATE TABLE domain_awl (sender_domain, src, first_seen INT, last_seen INT);
     INSERT INTO from_awl VALUES (hex(zeroblob(500000)), 'x.example', '198.51.100.7', ${now}, ${now});
     INSERT INTO from_awl VALUES ('kim', 'x.example', '198.51.100.7', ${now}, ${now});`,
  );
  database.close();
  const { status, out, told } = run(["import", "--from", "sqlgrey", name]);
  assert.deepEqual([status, out], [65, "imported 1 entry of 2 read, 1 that cannot be read\n"]);
  assert.equal(told, `greylist: ${name}: from_awl, row 1: no entry of sqlgrey\n`);
});

test("a file that is none, or is cut off, is told, and what came before it is counted", (t) => {
  const { run, file, folder } = tools(t);
  const cut = file("cut.dump", triplets(2000).slice(0, -5003));
  const found = run(["import", "--from", "postgrey", cut]);
  assert.equal(found.status, 65);
  assert.match(found.told, /cut\.dump: line \d+: it ends before DATA=END, so that it was cut off/);
  assert.match(found.out, /^imported 19\d\d entries of 19\d\d read\n$/);
  const whole = run(["import", "--from", "postgrey", file("whole.dump", triplets(2000))]);
  assert.match(whole.out, /^imported \d{2,3} entries of 2000 read, 19\d\d known already\n$/);
  const refused = (args: readonly string[], status: number, told: RegExp) => {
    const found = run(["import", ...args]);
    assert.deepEqual([found.status, found.out], [status, ""], found.told);
    assert.match(found.told, told);
  };
  const text = file("text", "hello\n");
  refused(["--from", "postgrey", text], 65, /line 1: it is no dump; want what `db5\.3_dump -p`/);
  refused(["--from", "sqlgrey", text], 65, /not a database; want the SQLite file of sqlgrey/);
  refused([text], 65, /line 1: want what `greylist export` prints/);
  refused(["--from", "postgrey", folder], 66, /cannot read it: it is a folder/);
  refused(["--from", "sqlgrey", path.join(folder, "none")], 66, /there is no such file/);
  refused(["--from", "mypolicyd", text], 78, /--from: want postgrey or sqlgrey, got "mypolicyd"/);
  refused([], 78, /import: want FILE behind it/);
});

test("where only the daemon has the state, or nobody can list it, the commands say so", (t) => {
  const { run } = tools(t);
  for (const command of [["import", "x"], ["export"]]) {
    const found = run([...command, "--mode", "daemon", "--store", "memory"]);
    assert.deepEqual([found.status, found.out], [78, ""]);
    assert.match(found.told, /store = memory: only the daemon itself has its state/);
  }
  const remote = run(["export", "--store", "memcached:127.0.0.1:1"]);
  assert.deepEqual([remote.status, remote.out], [78, ""]);
  assert.match(remote.told, /store: memcached does not list its entries; want sqlite/);
  assert.equal(run(["export"]).status, 66, "no file is made by an export");
});

test("a store that fails is told, with what to do", (t) => {
  const { run, file } = tools(t);
  const dump = file("postgrey.dump", triplets(10));
  const found = run(["import", "--from", "postgrey", "--store", "memcached:127.0.0.1:1", dump]);
  assert.equal(found.status, 69);
  assert.match(
    found.told,
    /ECONNREFUSED[^]*what was imported before that stays; import all of it again/,
  );
});

test("an import that some copies miss says so, and goes to all of them when it is run again", async (t) => {
  const { run, file } = tools(t);
  const dump = file("postgrey.dump", triplets(500));
  const servers = [await startMemcached(t), await startMemcached(t), await startMemcached(t)];
  const [, second] = servers;
  assert.ok(second !== undefined);
  const store = `memcached:${servers.map(({ server }) => server).join(",")}`;
  const args = ["import", "--from", "postgrey", "--store", store, dump];
  await second.stop();
  const partly = run(args);
  assert.equal(partly.status, 69);
  assert.match(partly.out, /^imported \d+ entries of 500 read/);
  assert.match(partly.told, /^greylist: \d{3} copies could not be written \(.*\): import again/);
  await second.restart();
  const again = run(args);
  assert.deepEqual([again.status, again.told], [0, ""]);
  assert.match(run(args).out, /^imported 0 entries of 500 read, 500 known already\n$/);
});

test("an import that was killed can be run again", async (t) => {
  const { run, file, state } = tools(t);
  const dump = file("postgrey.dump", triplets(12_000));
  const args = ["import", "--from", "postgrey", "--store", `sqlite:${state}`, dump];
  const running = startProgram(t, args);
  const size = () => fs.statSync(`${state}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  await waitFor("something to be written", () => size() > 100_000);
  await running.stop("SIGKILL");
  const { out } = run(["import", "--from", "postgrey", dump]);
  const [, written, , known = "0"] =
    /^imported (\d+) entries of 12000 read(, (\d+) known already)?\n$/.exec(out) ?? [];
  assert.equal(Number(written) + Number(known), 12_000, out);
  assert.equal(run(["export"]).out.split("\n").length, 12_000 + 3);
});

test("a terminal is shown how far it is, and anything else is not", (t) => {
  const { file, state } = tools(t);
  const dump = file("postgrey.dump", triplets(4000)), args = ["--store", `sqlite:${state}`];
  const quoted = ["env", ...program, "import", "--from", "postgrey", ...args, "-"]
    .map((word) => `'${word}'`).join(" ");
  // More than a pipe and a first piece hold: when it is gone, the import is under way.
  const slowly = `(head -n 7000 ${dump}; sleep 1; tail -n +7001 ${dump}) | ${quoted}`;
  const { stdout } = spawnSync("script", ["-qefc", slowly, "/dev/null"], {
    env: environment(),
    encoding: "utf8",
  });
  const lines = stdout.replace("\r\n", "").split("\r\x1b[K");
  assert.match(lines[1] ?? "", /^standard input: \d+ entries$/);
  assert.equal(lines.at(-1)?.trimEnd(), "imported 4000 entries of 4000 read");
  const { stdout: out, stderr } = spawnSync("sh", ["-c", slowly], {
    env: environment(),
    encoding: "utf8",
  });
  assert.deepEqual([out, stderr], ["imported 0 entries of 4000 read, 4000 known already\n", ""]);
});
