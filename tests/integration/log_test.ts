/**
 * The log with real processes: where its lines arrive, what they look like, and that nothing that is wrong
 * with it is felt by Postfix.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import test from "node:test";
import {
  connect,
  dunno,
  environment,
  program,
  request,
  startDaemon,
  startProgram,
  startSpawned,
  underBun,
} from "../support/greylist.ts";
import { canMount, linksTo, startSyslog } from "../support/syslog.ts";
import { startMemcached } from "../support/memcached.ts";
import { atEnd, type Cleanup, start, tempDir, waitFor } from "../support/process.ts";

/** tcpmux, which nobody has run for decades; a port that was free a moment ago may be taken by now. */
const nobodyThere = "memcached:127.0.0.1:1";
const read = (file: string) => fs.existsSync(file) ? fs.readFileSync(file, "latin1") : "";
const lines = (text: string) => text.split("\n").filter((line) => line !== "");

/** A daemon whose log goes to `target`, reached through a unix socket. */
async function daemonLogging(t: Cleanup, target: string, args: readonly string[] = []) {
  const file = path.join(tempDir(t), "socket");
  const running = startProgram(t, [
    ...["--mode", "daemon", "--store", "memory", "--listen", `unix:${file}`],
    ...["--log", target, ...args],
  ]);
  await waitFor("the daemon to listen", async () => {
    const client = await connect(t, `unix:${file}`).catch(() => undefined);
    client?.socket.destroy();
    return client !== undefined;
  });
  return { running, client: await connect(t, `unix:${file}`) };
}

const everyField = request({
  client_name: "mx.example.org",
  client_address: "192.0.2.7",
  sender: "alice@example.org",
  recipient: "bob@example.com",
});
const asPostgrey = "action=greylist, reason=new, client_name=mx.example.org, " +
  "client_address=192.0.2.7, sender=alice@example.org, recipient=bob@example.com";

test("syslog gets datagrams: facility mail, greylist[pid], postgrey's fields in order", async (t) => {
  const syslog = await startSyslog(t);
  const { running, client } = await daemonLogging(t, `syslog:${syslog.path}`);
  await client.ask(everyField);
  if (underBun) {
    // There are no unix datagram sockets there: the lines are lost, and the mail flows.
    assert.equal(syslog.received(), "");
    return;
  }
  await waitFor("the line", () => /recipient=/.test(syslog.received()));
  const messages = syslog.received().split(/(?=<\d+>)/);
  const head = new RegExp(
    `^<22>[A-Z][a-z]{2} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d greylist\\[${running.pid}\\]: `,
  );
  for (const message of messages) {
    assert.match(message, head);
    assert.doesNotMatch(message, /\n/);
  }
  assert.ok(messages.at(-1)?.replace(head, "").startsWith(asPostgrey), messages.at(-1));
});

test("a reader of postgrey's log finds its name and its fields in syslog and in files", async (t) => {
  const syslog = await startSyslog(t), file = path.join(tempDir(t), "file");
  for (const target of [`syslog:${syslog.path}`, `file:${file}`]) {
    if (underBun && target !== `file:${file}`) continue;
    const format = ["--log-ident", "postgrey", "--log-format", "postgrey"];
    const { running, client } = await daemonLogging(t, target, format);
    await client.ask(everyField);
    assert.equal(await running.stop(), 0);
    const received = () => target === `file:${file}` ? read(file) : syslog.received();
    await waitFor("the last line", () => /\]: stopped/.test(received()));
    const line = `postgrey[${running.pid}]: ${asPostgrey}`;
    const behind = received().slice(received().indexOf(line) + line.length);
    assert.ok(received().includes(line), received());
    assert.match(behind, /^(?:\n|<)/);
  }
});

test("in spawn mode, too, and the last line before the exit is there", async (t) => {
  const syslog = await startSyslog(t);
  const file = path.join(tempDir(t), "file");
  for (const target of [`syslog:${syslog.path}`, `file:${file}`]) {
    const spawned = await startSpawned(t, {
      args: ["--store", nobodyThere, "--log", target],
    });
    spawned.client.send(request() + "garbage\n\n");
    assert.equal(await spawned.running.exited, 0);
    await spawned.client.closed;
    assert.equal(spawned.client.received(), dunno);
    const received = () => target.startsWith("file:") ? read(file) : syslog.received();
    if (underBun && target.startsWith("syslog:")) continue;
    await waitFor(
      "the lines",
      () => /closed stdin: request is not smtpd_access_policy/.test(received()),
    );
    assert.match(received(), /action=pass, reason=store failure/);
  }
});

test("a syslog socket that nobody reads stops neither answers nor the exit, and loses no more", async (t) => {
  const syslog = await startSyslog(t);
  process.kill(syslog.pid, "SIGSTOP");
  // Other programs' lines fill it: nothing that its reader does later is about a line of ours. It takes several programs
  // where systemd has let 512 lines wait in place of 10, because each stops when a quarter of its own room is used.
  const fillers = Array.from({ length: 12 }, () => {
    const filler = start(t, "socat", ["-u", "-b", "8", "STDIN", `UNIX-SENDTO:${syslog.path}`]);
    filler.child.stdin?.write("<14>fill".repeat(200));
    return filler;
  });
  const isFull = () => fillers.some(({ pid }) => stat(pid) === "unix_wait_for_peer");
  await waitFor("the socket to be full", isFull);
  const { running, client } = await daemonLogging(t, `syslog:${syslog.path}`);
  for (let n = 0; n < 100; n++) await client.ask(request(), 1000);
  const spawned = await startSpawned(t, {
    args: ["--store", nobodyThere, "--log", `syslog:${syslog.path}`],
  });
  assert.equal(await spawned.client.ask(request()), dunno);
  const started = performance.now();
  spawned.client.socket.destroy();
  assert.equal(await spawned.running.exited, 0);
  assert.ok(performance.now() - started < 1000);

  // As often as it asks: once in a while.
  const before = cpuSeconds(running.pid);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const used = cpuSeconds(running.pid) - before;
  assert.ok(used < 0.5, `${used} s of 2 s at work`);

  const second = await daemonLogging(t, `syslog:${syslog.path}`);
  await second.client.ask(request());
  assert.equal(await second.running.stop(), 0);
  await waitFor("no link to be left", () => linksTo(syslog.path).length === 0);

  process.kill(syslog.pid, "SIGCONT");
  const count = () => (syslog.received().match(/action=greylist/g) ?? []).length;
  if (!underBun) await waitFor("the lines that had to wait", () => count() === 100);
  assert.equal(await running.stop(), 0);
});

/** How long a process has been at work; the clock ticks a hundred times a second on Linux. */
function cpuSeconds(pid: number): number {
  const fields = read(`/proc/${pid}/stat`).replace(/.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** What a process waits for in the kernel. */
function stat(pid: number): string {
  return read(`/proc/${pid}/wchan`);
}

test("a syslog that is restarted gets lines again, and is told how many were lost", async (t) => {
  if (underBun) return;
  const syslog = await startSyslog(t);
  const { client } = await daemonLogging(t, `syslog:${syslog.path}`);
  await client.ask(request());
  await waitFor("a line", () => /action=greylist/.test(syslog.received()));
  await syslog.stop();
  fs.rmSync(syslog.path, { force: true });
  for (let n = 0; n < 30; n++) await client.ask(request());
  const next = await startSyslog(t, syslog.path);
  await client.ask(request({ sender: "again@example.org" }));
  const lost = () =>
    Number(
      /<20>.{15} greylist\[\d+\]: log lines were lost: lines=(\d+)/.exec(next.received())?.[1],
    );
  await waitFor("the loss", () => lost() > 0);
  await waitFor("the line", () => /sender=again@example\.org/.test(next.received()));
  // The last ones may have been written only when there was somebody again: none is missing, none is twice.
  const written = next.received().match(/action=greylist/g)?.length ?? 0;
  assert.equal(written + lost(), 31);
});

test("what a stranger writes can forge neither a line nor a field", async (t) => {
  const file = path.join(tempDir(t), "log");
  const { client } = await daemonLogging(t, `file:${file}`);
  const hostile = {
    client_name: "a\x1b[2J\rb\u0085c",
    client_address: "192.0.2.1",
    sender: "x, action=pass, reason=triplet found, recipient=y@z",
    // U+202E and U+2028 as UTF-8, and a byte that is no UTF-8.
    recipient: "\xe2\x80\xae\xe2\x80\xa8@example.com",
    helo_name: "\x00\xff",
  };
  await client.ask(request(hostile));
  await client.ask(request({ ...hostile, sender: "caf\xe9 \\x20@example.org", recipient: "b@c" }));
  await client.ask(request({ ...hostile, sender: "caf\xc3\xa9@example.org", recipient: "b@c" }));
  await waitFor("the lines", () => lines(read(file)).length >= 4);
  const decisions = lines(fs.readFileSync(file, "utf8")).slice(1);
  assert.equal(decisions.length, 3);
  const fieldsOf = (line: string) =>
    line.replace(/^\S+ greylist\[\d+\]: /, "").split(", ").map((field) => {
      const [name, ...value] = field.split("=");
      return [name, value.join("=")];
    });
  for (const line of decisions) {
    assert.match(line, /^[\x20-\x7e\u00e9]+$/);
    const names = fieldsOf(line).map(([name]) => name).slice(0, 6);
    assert.deepEqual(names, [
      "action",
      "reason",
      "client_name",
      "client_address",
      "sender",
      "recipient",
    ]);
  }
  const [first, second, third] = decisions.map((line) => Object.fromEntries(fieldsOf(line)));
  assert.equal(first?.client_name, "a\\x1b[2J\\x0db\\x85c");
  assert.equal(
    first?.sender,
    "x\\x2c\\x20action\\x3dpass\\x2c\\x20reason\\x3dtriplet\\x20found\\x2c\\x20recipient\\x3dy@z",
  );
  assert.equal(first?.recipient, "\\xe2\\x80\\xae\\xe2\\x80\\xa8@example.com");
  assert.equal(second?.sender, "caf\\xe9\\x20\\\\x20@example.org");
  assert.equal(third?.sender, "café@example.org");
});

test("as JSON every line is one object, with the same fields", async (t) => {
  const file = path.join(tempDir(t), "log");
  const { running, client } = await daemonLogging(t, `file:${file}`, ["--log-format", "json"]);
  await client.ask(everyField);
  await client.ask(request({ sender: 'quote"\x1b{brace}@example.org' }));
  client.send("garbage\n\n");
  await client.closed;
  assert.equal(await running.stop(), 0);
  const objects = lines(read(file)).map((line) => JSON.parse(line));
  const decisions = objects.filter((object) => "action" in object);
  assert.equal(decisions.length, 2);
  const { action, reason, client_name: name, client_address: address, sender, recipient } =
    decisions[0];
  assert.deepEqual(
    { action, reason, name, address, sender, recipient },
    {
      action: "greylist",
      reason: "new",
      name: "mx.example.org",
      address: "192.0.2.7",
      sender: "alice@example.org",
      recipient: "bob@example.com",
    },
  );
  assert.equal(decisions[1].sender, 'quote"\\x1b{brace}@example.org');
  for (const object of objects) {
    assert.match(object["@timestamp"], /^\d{4}-\d\d-\d\dT/);
    assert.match(object.level, /^(INFO|WARN)/);
  }
  assert.ok(
    objects.some(({ message }) => /closed .*request is not smtpd_access_policy/.test(message)),
  );
  assert.match(objects.at(-1).message, /stopped/);
});

test("a file that was renamed away is followed by a new one, in the daemon and in spawn", async (t) => {
  const file = path.join(tempDir(t), "log");
  const { client } = await daemonLogging(t, `file:${file}`);
  const spawned = await startSpawned(t, {
    args: ["--store", nobodyThere, "--log", `file:${file}`],
  });
  for (const asked of [client, spawned.client]) {
    await asked.ask(everyField);
    const before = `${file}.${lines(read(file)).length}`;
    await waitFor("the line", () => /action=/.test(read(file)));
    fs.renameSync(file, before);
    const started = performance.now();
    let sent = 0;
    await waitFor("a new file", async () => {
      await asked.ask(request({ sender: `after-${sent++}@example.org` }));
      return fs.existsSync(file);
    });
    assert.ok(performance.now() - started < 2000);
    await waitFor("all lines", () => {
      const all = read(before) + read(file);
      return Array.from({ length: sent }).every((_, n) => all.includes(`sender=after-${n}@`));
    });
    fs.renameSync(file, `${before}.next`);
    // As logrotate's "create" does it.
    fs.writeFileSync(file, "");
    await waitFor("the other's lines in the new file", async () => {
      await asked.ask(everyField);
      return read(file) !== "";
    });
  }
});

test("a log file is private, and nobody is kept waiting by one that cannot be written", async (t) => {
  const dir = tempDir(t);
  const file = path.join(dir, "missing", "log");
  const { client } = await daemonLogging(t, `file:${file}`);
  for (let n = 0; n < 5; n++) await client.ask(request({ sender: `lost-${n}@example.org` }), 1000);
  fs.mkdirSync(path.dirname(file));
  await client.ask(request({ sender: "written@example.org" }));
  // The one about listening was the first of seven. The last of them may have found the folder there.
  const lost = () => Number(/log lines were lost: lines=(\d+)/.exec(read(file))?.[1]);
  await waitFor("the loss to be told", () => lost() > 0);
  await waitFor("the last line", () => /sender=written@example\.org/.test(read(file)));
  assert.equal(lost() + lines(read(file)).length - 1, 7);
  assert.equal(fs.statSync(file).mode & 0o137, 0);
});

/** Puts something that is no log in place of a file. */
const notALog: Readonly<Record<string, (file: string) => void>> = {
  FIFO: (file) => void execFileSync("mkfifo", [file]),
  folder: (file) => fs.mkdirSync(file),
  device: (file) => fs.symlinkSync("/dev/null", file),
};

test("what is no regular file is never waited for: answers, SIGTERM and the exit work", async (t) => {
  for (const [kind, make] of Object.entries(notALog)) {
    const file = path.join(tempDir(t), "log");
    make(file);
    const { running, client } = await daemonLogging(t, `file:${file}`);
    assert.match(await client.ask(request()), /^action=DEFER_IF_PERMIT/);
    assert.equal(await running.stop(), 0);
    const told = `greylist: Cannot log: ${file} is a ${kind}, and a log has to be a regular file\n`;
    assert.equal(running.stderr(), told);

    const spawned = await startSpawned(t, {
      args: ["--store", nobodyThere, "--log", `file:${file}`],
    });
    assert.equal(await spawned.client.ask(request()), dunno);
    spawned.client.socket.destroy();
    assert.equal(await spawned.running.exited, 0);
  }
});

test("a log file in whose place a FIFO comes is left alone, until there is a file again", async (t) => {
  const file = path.join(tempDir(t), "log");
  const { running, client } = await daemonLogging(t, `file:${file}`);
  await client.ask(request());
  await waitFor("the line", () => /action=/.test(read(file)));
  fs.rmSync(file);
  execFileSync("mkfifo", [file]);
  await waitFor("it to be noticed", async () => {
    await client.ask(request(), 1000);
    return /is a FIFO/.test(running.stderr());
  });
  fs.rmSync(file);
  await waitFor("the loss to be told", async () => {
    await client.ask(request(), 1000);
    return fs.existsSync(file) && /log lines were lost: lines=\d+/.test(read(file));
  });
  assert.equal(await running.stop(), 0);
});

const mounting = { skip: canMount ? false : "a small file system needs CAP_SYS_ADMIN" };

test("a daemon that cannot log says so once on standard error", async (t) => {
  const dir = tempDir(t), file = path.join(dir, "socket");
  const running = startProgram(t, [
    ...["--mode", "daemon", "--store", "memory", "--listen", `unix:${file}`],
    ...["--log", `file:${dir}/missing/log`],
  ]);
  await waitFor("it to listen", () => fs.existsSync(file));
  const client = await connect(t, `unix:${file}`);
  for (let i = 0; i < 3; i++) assert.match(await client.ask(request()), /^action=DEFER_IF_PERMIT/);
  await running.stop();
  assert.match(running.stderr(), /^greylist: Cannot log: .*missing\/log.*\n$/);
});

test("a full disk stops no answer; with room again, the loss is told", mounting, async (t) => {
  const dir = tempDir(t);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=8k", "none", dir]);
  atEnd(t, () => void execFileSync("umount", ["--lazy", dir]));
  const ballast = path.join(dir, "ballast"), file = path.join(dir, "log");
  const { client } = await daemonLogging(t, `file:${file}`);
  await client.ask(request());
  await waitFor("the first lines", () => /action=/.test(read(file)));
  assert.throws(() => fs.writeFileSync(ballast, "x".repeat(8192)), /ENOSPC/);
  for (let n = 0; n < 100; n++) await client.ask(request(), 1000);
  fs.rmSync(ballast);
  await waitFor("the loss to be told", async () => {
    await client.ask(request());
    return /log lines were lost: lines=\d+/.test(read(file));
  });
  for (const line of lines(read(file))) {
    assert.match(line, /^\S+ greylist\[\d+\]: [^\[]+$/, "no half of a line before it");
  }
  const { client: spawned, running } = await startSpawned(t, {
    args: ["--store", nobodyThere, "--log", `file:${file}`],
  });
  assert.throws(() => fs.writeFileSync(ballast, "x".repeat(8192)), /ENOSPC/);
  for (let n = 0; n < 100; n++) assert.equal(await spawned.ask(request()), dunno);
  spawned.socket.destroy();
  assert.equal(await running.exited, 0);
  assert.equal(spawned.received(), dunno.repeat(100));
});

/** What there is to read from a non-blocking descriptor. */
function readSome(fd: number): string {
  const bytes = Buffer.alloc(1_000_000);
  try {
    return bytes.toString("latin1", 0, fs.readSync(fd, bytes));
  } catch {
    // EAGAIN: nothing there at the moment.
    return "";
  }
}

test("standard error that nobody reads stops neither answers nor the exit", async (t) => {
  const dir = tempDir(t), pipe = path.join(dir, "pipe"), file = path.join(dir, "socket");
  execFileSync("mkfifo", [pipe]);
  // Both ends are open, nobody reads: 64 KiB, and it is full.
  const reader = fs.openSync(pipe, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  atEnd(t, () => fs.closeSync(reader));
  const running = start(t, "sh", [
    ...["-c", `exec "$@" 2> ${pipe}`, "sh", "env", ...program],
    ...["--mode", "daemon", "--store", "memory", "--listen", `unix:${file}`],
  ]);
  let client: Awaited<ReturnType<typeof connect>> | undefined;
  await waitFor("the daemon", async () => {
    client = await connect(t, `unix:${file}`).catch(() => undefined);
    return client !== undefined;
  });
  client?.send(request({ sender: `${"x".repeat(1000)}@example.org` }).repeat(12_000));
  await client?.replies(12_000, 20_000);
  // Of what did not fit in the queue the number is told, as soon as somebody reads.
  let seen = "";
  await waitFor(
    "the loss to be told",
    () => /log lines were lost: lines=\d+/.test(seen += readSome(reader)),
  );
  client?.send(request().repeat(2000));
  await client?.replies(14_000);
  assert.equal(await running.stop(), 0);
});

/** How many answers have come. (`replies` looks through all of them each time that some come.) */
const answers = (client?: { received(): string }) => client?.received().match(/\n\n/g)?.length ?? 0;

test("a burst of decisions is written, to a file and to standard error", async (t) => {
  const file = path.join(tempDir(t), "log"), stderr = path.join(tempDir(t), "stderr");
  for (const [target, written] of [[`file:${file}`, file], ["stderr", stderr]] as const) {
    const socket = path.join(tempDir(t), "socket");
    const running = startProgram(
      t,
      [
        ...["--mode", "daemon", "--store", "memory", "--listen", `unix:${socket}`],
        ...["--log", target],
      ],
      ["sh", "-c", `exec "$@" 2> ${stderr}`, "sh"],
    );
    let client: Awaited<ReturnType<typeof connect>> | undefined;
    await waitFor("the daemon", async () => {
      client = await connect(t, `unix:${socket}`).catch(() => undefined);
      return client !== undefined;
    });
    for (let asked = 5000; asked <= 20_000; asked += 5000) {
      client?.send(request().repeat(5000));
      await waitFor("the answers", () => answers(client) === asked, 60_000);
    }
    assert.equal(await running.stop(), 0);
    const lines = read(written).match(/action=greylist, /g)?.length ?? 0;
    const lost = [...read(written).matchAll(/lost: lines=(\d+)/g)]
      .reduce((sum, [, count]) => sum + Number(count), 0);
    assert.deepEqual([lines, lost], [20_000, 0]);
  }
});

test("standard error that nobody reads holds 8 MiB of long lines, and no more", async (t) => {
  const dir = tempDir(t), pipe = path.join(dir, "pipe"), socket = path.join(dir, "socket");
  execFileSync("mkfifo", [pipe]);
  const reader = fs.openSync(pipe, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  atEnd(t, () => fs.closeSync(reader));
  const running = startProgram(
    t,
    ["--mode", "daemon", "--store", "memory", "--listen", `unix:${socket}`],
    ["sh", "-c", `exec "$@" 2> ${pipe}`, "sh"],
  );
  let client: Awaited<ReturnType<typeof connect>> | undefined;
  await waitFor("the daemon", async () => {
    client = await connect(t, `unix:${socket}`).catch(() => undefined);
    return client !== undefined;
  });
  for (let n = 0; n < 400; n++) {
    client?.send(request({ sender: `${n}${"x".repeat(60_000)}@example.org` }));
  }
  await waitFor("the answers", () => answers(client) === 400, 60_000);
  let bytes = 0, written = 0, lost = 0, rest = "";
  await waitFor("every line to be written, or told to be lost", () => {
    const came = readSome(reader);
    bytes += came.length;
    const all = (rest + came).split("\n");
    rest = all.pop() ?? "";
    for (const line of all) {
      if (line.startsWith("action=greylist")) written++;
      lost += Number(/lost: lines=(\d+)/.exec(line)?.[1] ?? 0);
    }
    return written + lost === 400;
  }, 60_000);
  // What waits, and what the write that hangs was given.
  assert.ok(bytes < 2 * 8 * 1024 ** 2 + 100_000, `${bytes} bytes were kept`);
  assert.equal(await running.stop(), 0);
});

test("standard error has time and name, unless the journal or who reads a pipe adds them", async (t) => {
  const dir = tempDir(t);
  const stamped = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d greylist\[\d+\]: listening on /;
  const plain = /^listening on /, json = /^\{"@timestamp"/;
  const file = path.join(dir, "file");
  const toFile = `exec "$@" 2> ${file}`;
  const itself = `exec 2> ${file}; export JOURNAL_STREAM=$(stat -c %d:%i ${file}); exec "$@"`;
  const cases: readonly [string, RegExp, readonly string[]][] = [
    [toFile, stamped, []],
    [toFile, json, ["--log-format", "json"]],
    // What the journal says of itself is true only for the descriptor that it names.
    [`export JOURNAL_STREAM=8:12345; ${toFile}`, stamped, []],
    [itself, plain, []],
    [`mkfifo ${file}.pipe; cat ${file}.pipe > ${file} & exec "$@" 2> ${file}.pipe`, plain, []],
  ];
  for (const [script, expected, args] of cases) {
    fs.writeFileSync(file, "");
    const socket = path.join(tempDir(t), "socket");
    const running = startProgram(
      t,
      ["--mode", "daemon", "--store", "memory", "--listen", `unix:${socket}`, ...args],
      ["sh", "-c", script, "sh"],
    );
    await waitFor("the line", () => read(file).includes("\n"));
    assert.match(read(file), expected, script);
    const client = await connect(t, `unix:${socket}`);
    client.socket.destroy();
    await running.stop();
  }
});

test("the level decides what is said; none says nothing", async (t) => {
  const silent = await daemonLogging(t, "none");
  await silent.client.ask(request());
  assert.equal(await silent.running.stop(), 0);
  assert.equal(silent.running.stderr() + silent.running.stdout(), "");

  const memcached = await startMemcached(t);
  const store = ["--store", `memcached:${memcached.server}`];
  const quiet = await daemonLogging(t, "stderr", ["--log-level", "warning"]);
  await quiet.client.ask(request());
  quiet.client.send("garbage\n\n");
  await quiet.client.closed;
  assert.equal(await quiet.running.stop(), 0);
  assert.match(
    quiet.running.stderr(),
    /^(?:\S+ greylist\[\d+\]: )?closed [^\n]*: request is not smtpd_access_policy\n$/,
  );

  const loud = await startDaemon(t, ["--log-level", "debug", ...store]);
  const client = await connect(t, loud.endpoints[0]);
  await client.ask(request({ protocol_state: "DATA" }));
  await waitFor(
    "what is of interest when looking closely",
    () => /nothing to decide: reason=not at RCPT/.test(loud.stderr()),
  );
});

test("a log that cannot be written, and nobody to be told, stop neither answers nor the end", async (t) => {
  const missing = path.join(tempDir(t), "missing", "log");
  const words = [...program, "--mode", "daemon", "--store", "memory"];
  const socket = path.join(tempDir(t), "socket");
  const args = ["--listen", `unix:${socket}`, "--log", `file:${missing}`];
  // Standard error is a pipe whose reader has ended.
  const script = 'exec "$@" 2> >(exec 0<&-)';
  const running = start(t, "env", ["bash", "-c", script, "bash", ...words, ...args], {
    env: environment(),
  });
  await waitFor("the daemon to listen", () => fs.existsSync(socket));
  const client = await connect(t, `unix:${socket}`);
  assert.match(await client.ask(request()), /^action=DEFER_IF_PERMIT/);
  assert.equal(await client.ask(request({ protocol_state: "CONNECT" })), dunno);
  client.socket.destroy();
  assert.equal(await running.stop(), 0);
});
