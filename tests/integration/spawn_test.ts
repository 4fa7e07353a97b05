/**
 * Mode spawn with real processes: standard input, output and error are one unix socket, as spawn(8) gives
 * it to its children, so that every stray byte would be seen as one. And it ends when it should.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import test from "node:test";
import {
  type Client,
  dunno,
  environment,
  flood,
  program,
  request,
  residentKilobytes,
  script,
  sendInFlight,
  type SpawnedUnderTest,
  type SpawnOptions,
  startProgram,
  startSpawned,
  underBun,
} from "../support/greylist.ts";
import { canMount, startPrivateDevLog } from "../support/syslog.ts";
import { startMemcached } from "../support/memcached.ts";
import { atEnd, type Cleanup, tempDir, waitFor } from "../support/process.ts";
import { NOBODY, stageProgram } from "../support/program.ts";

const deferred = /^action=DEFER_IF_PERMIT 4\.2\.0 Greylisted, .*\n\n$/;

/** A log file of its own, what is in it, and the arguments that name it. */
function logFile(t: Cleanup) {
  const file = path.join(tempDir(t), "log");
  const text = () => fs.existsSync(file) ? fs.readFileSync(file, "latin1") : "";
  return {
    args: ["--log", `file:${file}`],
    text,
    says: (what: RegExp) => waitFor(`the log to say ${what}`, () => what.test(text())),
  };
}

/** tcpmux, which nobody has run for decades; a port that was free a moment ago may be taken by now. */
const nobodyThere = "memcached:127.0.0.1:1";

/** Ends the connection as Postfix does, and asserts that the program exits with 0 within a second. */
async function assertEnds({ running, client }: SpawnedUnderTest): Promise<void> {
  const started = performance.now();
  client.socket.destroy();
  assert.equal(await running.exited, 0);
  const took = performance.now() - started;
  assert.ok(took < 1000, `took ${took} ms`);
}

test("without arguments it serves its standard input, whether memcached is there or not", async (t) => {
  const spawned = await startSpawned(t);
  for (let n = 0; n < 5; n++) {
    const started = performance.now();
    const reply = await spawned.client.ask(request({ instance: `${started}` }));
    // On a machine whose own memcached is running it is deferred.
    assert.ok(reply === dunno || deferred.test(reply), reply);
    if (n > 0) assert.ok(performance.now() - started < 900);
  }
  await assertEnds(spawned);
});

test("each request is answered at once, in one process and in order", async (t) => {
  const memcached = await startMemcached(t);
  const log = logFile(t);
  const args = ["--store", `memcached:${memcached.server}`, "--text", "4.2.0 for %r", ...log.args];
  const spawned = await startSpawned(t, { args });
  const { client } = spawned;
  const reply = (n: number) => `action=DEFER_IF_PERMIT 4.2.0 for r${n}.example\n\n`;
  const ask = (n: number) => request({ recipient: `bob@r${n}.example` });
  for (let n = 0; n < 50; n++) assert.equal(await client.ask(ask(n)), reply(n));
  const all = Array.from({ length: 200 }, (_, n) => n);
  client.send(all.map(ask).join(""));
  await client.replies(250);
  for (const byte of ask(1)) {
    client.send(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.replies(251);
  assert.equal(client.received(), [...all.slice(0, 50), ...all, 1].map(reply).join(""));
  await log.says(/action=greylist, reason=new, client_name=mx\.example\.org/);
  await assertEnds(spawned);
});

test("greylisting works across processes: a new one defers, a later one lets pass", async (t) => {
  const memcached = await startMemcached(t);
  const args = ["--store", `memcached:${memcached.server}`, "--delay", "1s"];
  const ask = async (client: Client) => await client.ask(request());
  const first = await startSpawned(t, { args });
  assert.match(await ask(first.client), deferred);
  await assertEnds(first);
  await waitFor("the delay to be over", async () => {
    const next = await startSpawned(t, { args });
    const reply = await ask(next.client);
    await assertEnds(next);
    if (deferred.test(reply)) return false;
    assert.match(reply, /^action=PREPEND X-Greylist: delayed \d+ seconds by greylist-/);
    return true;
  });
});

test("at the end of input it exits with 0 within a second: memcached healthy", async (t) => {
  const memcached = await startMemcached(t);
  const spawned = await startSpawned(t, { args: ["--store", `memcached:${memcached.server}`] });
  assert.match(await spawned.client.ask(request()), deferred);
  await assertEnds(spawned);
});

test("at the end of input it exits with 0 within a second: before any request", async (t) => {
  const spawned = await startSpawned(t, { args: ["--store", nobodyThere] });
  // It has started when it has answered; that nothing was asked must not matter, so a second one.
  assert.equal(await spawned.client.ask(request()), dunno);
  await assertEnds(spawned);
  const silent = await startSpawned(t, { args: ["--store", nobodyThere] });
  silent.client.socket.end();
  assert.equal(await silent.running.exited, 0);
  assert.equal(silent.client.received(), "");
});

test("at the end of input it exits with 0 within a second: memcached refuses", async (t) => {
  const spawned = await startSpawned(t, { args: ["--store", nobodyThere] });
  for (let n = 0; n < 5; n++) assert.equal(await spawned.client.ask(request()), dunno);
  await assertEnds(spawned);
});

for (const timeout of ["500ms", "30s"]) {
  test(`at the end of input it exits with 0 within a second: memcached frozen, ${timeout}`, async (t) => {
    const memcached = await startMemcached(t);
    const log = logFile(t);
    const spawned = await startSpawned(t, {
      args: ["--store", `memcached:${memcached.server}`, "--store-timeout", timeout, ...log.args],
    });
    assert.match(await spawned.client.ask(request()), deferred);
    memcached.freeze();
    await sendInFlight(spawned.client, request(), memcached.port);
    await assertEnds(spawned);
  });
}

test("with memcached frozen, what was asked before the end of input is answered", async (t) => {
  const memcached = await startMemcached(t);
  const { running, client } = await startSpawned(t, {
    args: ["--store", `memcached:${memcached.server}`, "--store-timeout", "300ms"],
  });
  assert.match(await client.ask(request()), deferred);
  memcached.freeze();
  client.send(request());
  client.socket.end();
  assert.equal((await client.replies(2))[1], dunno);
  assert.equal(await running.exited, 0);
});

test("it works on pipes, too, and answers all that came before the end", async (t) => {
  const running = startProgram(t, ["--store", nobodyThere]);
  running.child.stdin?.end(request() + request() + request({ protocol_state: "DATA" }), "latin1");
  assert.equal(await running.exited, 0);
  assert.equal(running.stdout(), dunno.repeat(3));
  assert.equal(running.stderr(), "");
});

test("garbage gets no byte in reply: it exits with 0, and says so in the log", async (t) => {
  const garbage: readonly [string, RegExp][] = [
    ["GET / HTTP/1.1\r\n\r\n", /closed stdin: request is not smtpd_access_policy/],
    [
      String.fromCharCode(...Array.from({ length: 256 }, (_, n) => n)) + "\n\n",
      /request is not smtpd_access_policy/,
    ],
    ["\n".repeat(65_537), /request of more than 65536 bytes/],
    [request({ request: "other" }), /request is not smtpd_access_policy/],
    [`request=smtpd_access_policy\nx=${"y".repeat(70_000)}`, /request of more than 65536 bytes/],
  ];
  for (const [bytes, line] of garbage) {
    const log = logFile(t);
    const { running, client } = await startSpawned(t, {
      args: ["--store", nobodyThere, ...log.args],
    });
    assert.equal(await client.ask(request()), dunno);
    client.send(bytes + request());
    assert.equal(await running.exited, 0);
    await client.closed;
    assert.equal(client.received(), dunno);
    assert.match(log.text(), line);
  }
});

test("a log that cannot be written changes nothing", async (t) => {
  const dir = tempDir(t);
  fs.mkdirSync(path.join(dir, "folder"));
  const targets = [
    `file:${dir}/missing/log`,
    `file:${dir}/folder`,
    // Deno refuses to open it, and Bun finds the disk full.
    "file:/dev/full",
    `syslog:${dir}/nobody-listens`,
    "none",
  ];
  for (const target of targets) {
    const args = ["--store", nobodyThere, "--log", target];
    const spawned = await startSpawned(t, { args });
    for (let n = 0; n < 20; n++) assert.equal(await spawned.client.ask(request()), dunno);
    await assertEnds(spawned);
    assert.equal(spawned.client.received(), dunno.repeat(20), target);
  }
});

test("a policy that throws: no byte, exit 0, and the log says what", async (t) => {
  const file = path.join(tempDir(t), "log");
  const { running, client } = await startSpawned(t, {
    command: script("tests/support/throwing_policy.ts"),
    args: [file],
  });
  client.send(request() + request());
  assert.equal(await running.exited, 0);
  await client.closed;
  assert.equal(client.received(), "");
  const text = fs.readFileSync(file, "latin1");
  assert.match(text, /: internal error, please report it: error=TypeError: a bug of the policy/);
  assert.equal(text.trim().split("\n").length, 1, "one line");
});

for (const how of ["throw", "reject"]) {
  test(`an error that nobody caught (${how}): no byte, exit 0, and the log says what`, async (t) => {
    const dir = tempDir(t);
    fs.writeFileSync(path.join(dir, "CRASH"), "");
    const log = logFile(t);
    const { running, client } = await startSpawned(t, {
      command: script("tests/support/crashing_program.ts"),
      args: [how, "--store", nobodyThere, ...log.args],
      prepare: `cd ${dir}`,
    });
    assert.equal(await client.ask(request()), dunno);
    fs.rmSync(path.join(dir, "CRASH"));
    assert.equal(await running.exited, 0);
    await client.closed;
    assert.equal(client.received(), dunno);
    assert.match(
      log.text(),
      /internal error, please report it: error=TypeError: a bug \| of two lines/,
    );
  });
}

const devLog = { skip: canMount ? false : "a /dev/log of its own needs CAP_SYS_ADMIN" };

test("what it says is in /dev/log, where Postfix's own lines are", devLog, async (t) => {
  const { wrapper, received } = await startPrivateDevLog(t);
  const spawned = await startSpawned(t, {
    command: [...wrapper, ...program],
    args: ["--store", nobodyThere],
  });
  assert.equal(await spawned.client.ask(request()), dunno);
  // Under Bun there is no unix datagram socket, and nothing is said.
  if (!underBun) {
    await waitFor("syslog to be told", () => /recipient=bob@example\.com/.test(received()));
    const { pid } = spawned.running;
    assert.match(received(), new RegExp(`^<22>.{15} greylist\\[${pid}\\]: action=pass, `));
  }
  await assertEnds(spawned);
});

test(
  "a bad configuration under spawn lets mail pass, tells syslog, and ends with 78",
  devLog,
  async (t) => {
    const { wrapper, received } = await startPrivateDevLog(t);
    const { running, client } = await startSpawned(t, {
      command: [...wrapper, ...program],
      args: ["--delay", "soon", "--nonsense", "--log", "stderr"],
    });
    assert.equal(await client.ask(request()), dunno);
    assert.equal(await client.ask(request()), dunno);
    client.socket.end();
    assert.equal(await running.exited, 78);
    await client.closed;
    assert.equal(client.received(), dunno + dunno);
    // Under Bun the exit status is all that Postfix can log.
    if (underBun) return;
    await waitFor("syslog to be told", () => /--nonsense: no such setting/.test(received()));
    assert.match(received(), /^<19>\w{3} [ \d]\d \d\d:\d\d:\d\d greylist\[\d+\]: /);
    assert.match(received(), /--delay: Cannot parse delay: want a duration/);
  },
);

test("a bad configuration on pipes: exit 78, every problem on standard error", async (t) => {
  const running = startProgram(t, ["--delay", "soon", "--nonsense"]);
  assert.equal(await running.exited, 78);
  assert.equal(running.stdout(), "");
  assert.match(running.stderr(), /^greylist: --delay: Cannot parse delay: want a duration/m);
  assert.match(running.stderr(), /^greylist: --nonsense: no such setting/m);
});

test("a bad configuration under spawn without any syslog: answers all the same", async (t) => {
  const { running, client } = await startSpawned(t, { args: ["--nonsense"] });
  assert.equal(await client.ask(request()), dunno);
  client.socket.end();
  assert.equal(await running.exited, 78);
  assert.equal(client.received(), dunno);
});

test("a bad list under spawn that names a log is told there", async (t) => {
  const dir = tempDir(t), log = path.join(dir, "log"), list = path.join(dir, "list");
  fs.writeFileSync(list, "exa mple\n");
  const { running, client } = await startSpawned(t, {
    args: ["--log", `file:${log}`, "--whitelist-clients", list],
  });
  assert.equal(await client.ask(request()), dunno);
  client.socket.end();
  assert.equal(await running.exited, 78);
  assert.match(
    fs.readFileSync(log, "latin1"),
    /list:1: Cannot parse entry: want .*, got "exa mple"/,
  );
});

const asRoot = { skip: process.getuid?.() === 0 ? false : "only root can become another user" };

test("an SQLite file that is ours only through its group is used", asRoot, async (t) => {
  const dir = tempDir(t), file = path.join(dir, "greylist.db");
  fs.chmodSync(dir, 0o770);
  fs.writeFileSync(file, "");
  fs.chmodSync(file, 0o660);
  for (const name of [dir, file]) fs.chownSync(name, 0, NOBODY);
  const spawned = await startSpawned(t, {
    command: [stageProgram(t)],
    args: ["--store", `sqlite:${file}`, "--log", "none"],
    env: { PATH: "/usr/bin:/bin" },
    uid: NOBODY,
  });
  assert.match(await spawned.client.ask(request()), /^action=DEFER_IF_PERMIT /);
  await assertEnds(spawned);
});

test("as nobody with an empty environment it works, and leaves nothing", asRoot, async (t) => {
  const log = path.join(tempDir(t), "log");
  fs.writeFileSync(log, "");
  fs.chownSync(log, NOBODY, NOBODY);
  const cwd = tempDir(t);
  const spawned = await startSpawned(t, {
    command: [stageProgram(t)],
    args: ["--store", nobodyThere, "--log", `file:${log}`],
    env: { PATH: "/usr/bin:/bin" },
    uid: NOBODY,
    prepare: `cd ${cwd}`,
  });
  assert.equal(await spawned.client.ask(request()), dunno);
  const status = fs.readFileSync(`/proc/${spawned.running.pid}/status`, "latin1");
  assert.match(status, /^Uid:\s65534\s65534/m);
  assert.match(status, /^Umask:\s0077/m);
  assert.match(status, /^SigIgn:\s[0-9a-f]{12}[13579bdf][0-9a-f]{3}$/m, "SIGPIPE (13) is ignored");
  await assertEnds(spawned);
  assert.match(fs.readFileSync(log, "latin1"), /action=pass, reason=store failure/);
  assert.deepEqual(fs.readdirSync(cwd), []);
});

test("when nobody takes its replies any more it exits with 0, and says so in the log", async (t) => {
  const log = logFile(t);
  const args = ["--store", nobodyThere, ...log.args];
  const child = spawn("env", [...program, ...args], { env: environment(), stdio: "pipe" });
  atEnd(t, () => void child.kill("SIGKILL"));
  const exited = once(child, "exit");
  child.stdout.once("data", () => {
    child.stdout.destroy();
    child.stdout.once("close", () => void child.stdin.write(request()));
  });
  child.stdin.write(request());
  assert.deepEqual(await exited, [0, null]);
  assert.match(log.text(), /lost stdin: .*(EPIPE|Broken pipe)/);
});

test("a non-blocking standard input is read as any other", async (t) => {
  const spawned = await startSpawned(t, {
    args: ["--store", nobodyThere],
    nonBlocking: true,
  });
  assert.equal(await spawned.client.ask(request()), dunno);
  const { pid } = spawned.running;
  const flags = /flags:\s*(\d+)/.exec(fs.readFileSync(`/proc/${pid}/fdinfo/0`, "latin1"))?.[1];
  assert.equal(parseInt(flags ?? "", 8) & 0o4000, 0o4000, "O_NONBLOCK has been taken away");
  for (let n = 0; n < 10; n++) assert.equal(await spawned.client.ask(request()), dunno);
  await assertEnds(spawned);
});

for (const nonBlocking of [false, true]) {
  const kind = nonBlocking ? "non-blocking" : "blocking";
  test(`a peer that floods and takes no replies is made to wait, on a ${kind} socket`, async (t) => {
    const args = ["--store", nobodyThere];
    const { running, client } = await startSpawned(t, { args, nonBlocking });
    await client.ask(request());
    const before = residentKilobytes(running.pid);
    client.socket.pause();
    const sent = await flood(client.socket, () => request({ protocol_state: "DATA" }));
    const grown = residentKilobytes(running.pid) - before;
    assert.ok(grown < 50_000, `${grown} kB more after ${sent} requests`);
    client.socket.resume();
    assert.equal((await client.replies(1 + sent, 20_000)).join(""), dunno.repeat(1 + sent));
  });
}

for (
  const what of ["a peer that is silent", "a peer that trickles", "a peer that takes no replies"]
) {
  test(`idle-timeout ends the process with 0: ${what}`, async (t) => {
    const log = logFile(t);
    const options: SpawnOptions = {
      args: [
        ...["--store", nobodyThere, "--idle-timeout", "500ms"],
        ...["--log-level", "debug", ...log.args],
      ],
    };
    const { running, client } = await startSpawned(t, options);
    assert.equal(await client.ask(request()), dunno);
    if (what.endsWith("trickles")) {
      const trickle = setInterval(() => client.socket.writable && client.send("x"), 50);
      atEnd(t, () => clearInterval(trickle));
    } else if (what.endsWith("replies")) {
      client.socket.pause();
      client.send(request({ protocol_state: "DATA" }).repeat(20_000));
    }
    assert.equal(await running.exited, 0);
    assert.match(log.text(), /closed stdin: idle for too long/);
    if (!what.endsWith("replies")) assert.equal(client.received(), dunno);
  });
}

test("a request that the store keeps waiting is not idle", async (t) => {
  const memcached = await startMemcached(t);
  const { client } = await startSpawned(t, {
    args: [
      ...["--store", `memcached:${memcached.server}`, "--store-timeout", "1500ms"],
      ...["--idle-timeout", "500ms"],
    ],
  });
  assert.match(await client.ask(request()), deferred);
  memcached.freeze();
  assert.equal(await client.ask(request()), dunno);
  memcached.thaw();
  // It is still there for the next one.
  assert.match(await client.ask(request({ sender: "next@example.org" })), /^action=/);
});
