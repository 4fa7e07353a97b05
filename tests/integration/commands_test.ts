/** `query`, `explain`, `allow`, `forget` and `stats`, as a user types them, against real servers and stores. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { test } from "node:test";
import { commands } from "../../lib/commands/commands.ts";
import { openState } from "../../lib/commands/state.ts";
import { readCommandLine } from "../../lib/config/flags.ts";
import { load, policyOptions } from "../../lib/config/load.ts";
import { files } from "../../lib/files.ts";
import {
  encodeCorrespondent,
  encodeDomain,
  encodeSender,
  encodeTriplet,
} from "../../lib/greylist/records.ts";
import { startDnsServer } from "../support/dns_server.ts";
import { blocksRunBy, examplesIn } from "../support/documented.ts";
import { environment, program, startDaemon } from "../support/greylist.ts";
import { startMemcached } from "../support/memcached.ts";
import { atEnd, type Cleanup, freePort, tempDir } from "../support/process.ts";

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A `greylist` in the path, and what runs commands of a shell with it. */
function shell(t: Cleanup, settings: Readonly<Record<string, string>>) {
  const bin = tempDir(t), quoted = program.map((word) => `'${word}'`).join(" ");
  fs.writeFileSync(path.join(bin, "greylist"), `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 });
  const env = { ...environment(), ...settings };
  return (command: string) =>
    new Promise<Ended>((resolve) => {
      const options = { env: { ...env, PATH: `${bin}:${env["PATH"]}` }, timeout: 30_000 };
      const child = execFile("sh", ["-c", command], options, (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      });
      child.stdin?.end();
    });
}

const mail = "--client 203.0.113.9 --client-name mx.firma.example --sender kim@firma.example";
const whole = `${mail} --recipient robin@example.com`;

/** What changes from run to run: times, seconds, sizes. */
function masked(text: string): string {
  return text.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "TIME").replace(
    /in \d+ seconds/g,
    "in N seconds",
  )
    .replace(/\(\d+s missing\)/g, "(Ns missing)").replace(/bytes: \d+/g, "bytes: N").trimEnd();
}

test("each example of doc/commands.md prints what it says", async (t) => {
  const store = `sqlite:${path.join(tempDir(t), "state.db")}`;
  const { endpoints } = await startDaemon(t, ["--store", store]);
  const run = shell(t, { GREYLIST_STORE: store, GREYLIST_LISTEN: endpoints[0] ?? "" });
  const examples = blocksRunBy(import.meta.url, "doc/commands.md").flatMap(examplesIn);
  assert.equal(examples.length, 7);
  for (const { command, printed } of examples) {
    const { stdout, stderr } = await run(command);
    assert.equal(stderr, "", command);
    assert.equal(masked(stdout), masked(printed));
  }
});

test("query speaks to a unix socket, and says who does not answer, within five seconds", async (t) => {
  const folder = tempDir(t), socket = `unix:${path.join(folder, "socket")}`;
  await startDaemon(t, ["--listen", socket]);
  const run = shell(t, {});
  assert.equal((await run(`greylist query --state CONNECT --server ${socket}`)).status, 0);
  const asked = await run(`greylist query ${whole} --server ${socket} --json`);
  assert.equal(asked.status, 75);
  const { server, passes } = JSON.parse(asked.stdout);
  assert.deepEqual([server, passes], [socket, false]);

  const silent = net.createServer((connection) => void connection.on("error", () => {}));
  await new Promise<void>((resolve) => silent.listen(path.join(folder, "silent"), resolve));
  atEnd(t, () => void silent.close());
  const other = net.createServer((connection) => connection.end("220 mail ESMTP\r\n\n\n"));
  await new Promise<void>((resolve) => other.listen(path.join(folder, "other"), resolve));
  atEnd(t, () => void other.close());
  const real = net.createServer((connection) => {
    connection.on("error", () => {}).write("220 mail ESMTP\r\n");
  });
  await new Promise<void>((resolve) => real.listen(path.join(folder, "real"), resolve));
  atEnd(t, () => void real.close());
  const [mute, nobody, smtp, waitingSmtp] = await Promise.all([
    run(`greylist query --state CONNECT --server unix:${folder}/silent`),
    run(`greylist query --state CONNECT --server inet:127.0.0.1:${await freePort()}`),
    run(`greylist query --state CONNECT --server unix:${folder}/other`),
    run(`greylist query --state CONNECT --server unix:${folder}/real`),
  ]);
  assert.deepEqual([mute.status, nobody.status, smtp.status, waitingSmtp.status], [69, 69, 76, 76]);
  assert.match(waitingSmtp.stderr, /want a reply of greylist, got "220 mail ESMTP"/);
  assert.match(mute.stderr, /no answer within 4 s/);
  assert.match(nobody.stderr, /^greylist: inet:127\.0\.0\.1:\d+: .*refused/i);
});

test("what a command wants, it says", async (t) => {
  const folder = tempDir(t), none = { GREYLIST_STORE: `sqlite:${folder}/none.db` };
  const run = shell(t, none), db = shell(t, { GREYLIST_STORE: `sqlite:${folder}/state.db` });
  const memory = shell(t, { GREYLIST_STORE: "memory", GREYLIST_MODE: "daemon" });
  fs.writeFileSync(`${folder}/state.db`, "");
  const results = await Promise.all([
    run(`greylist explain ${whole}`),
    memory(`greylist forget ${whole}`),
    db("greylist query --sender a@b --server inet:127.0.0.1:1"),
    db("greylist query --client nobody --sender a@b --recipient c@d --server inet:127.0.0.1:1"),
    db(`greylist allow ${whole} --for 7x`),
    db(`greylist allow ${whole} --for 99999999d`),
    db("greylist allow --log-line 'action=greylist, reason=new, client_address=203.0.113.9'"),
    db(
      "greylist forget --log-line 'action=greylist, reason=new, client_address=203.0.113.9, sender=a@b'",
    ),
    db("greylist stats --for 7d"),
  ]);
  assert.deepEqual(results.map(({ status }) => status), [66, 78, 64, 64, 64, 64, 64, 64, 78]);
  assert.match(results[1]?.stderr ?? "", /only the daemon itself has its state/);
  assert.equal(fs.existsSync(`${folder}/none.db`), false);
});

test("what somebody in a hurry gives it, it says what is wrong with", async (t) => {
  const folder = tempDir(t), db = shell(t, { GREYLIST_STORE: `sqlite:${folder}/state.db` });
  const noDelay = shell(t, {
    GREYLIST_STORE: `sqlite:${folder}/state.db`,
    GREYLIST_DRY_RUN: "yes",
  });
  fs.writeFileSync(`${folder}/state.db`, "");
  const decision = (n: number) =>
    `action=greylist, reason=new, client_name=unknown, client_address=203.0.113.${n}, sender=a@b, recipient=c@d`;
  fs.writeFileSync(`${folder}/log`, [1, 2, 2, 3].map((n) => `${decision(n)}\n`).join(""));
  const postfix =
    "mail postfix/smtpd[1]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 451 4.3.5 <c@d>: " +
    "Recipient address rejected: Server configuration problem; from=<a@b> to=<c@d> proto=ESMTP helo=<x>";
  const [several, cut, alone, refused, dry, narrow, narrower, mistyped] = await Promise.all([
    db(`greylist allow <${folder}/log`),
    db(`greylist explain --log-line '${decision(9).slice(0, 78)}'`),
    db("greylist explain --sender a@b --recipient c@d </dev/null"),
    db(`greylist explain --log-line '${postfix}'`),
    noDelay(`greylist explain ${whole}`),
    db("greylist forget --client 203.0.113.9 --client-name unknown"),
    db("greylist forget --client 203.0.113.9 --client-name unknown --sender a@b"),
    db("greylist explian"),
  ]);
  assert.match(
    several.stderr,
    /the last line counts, of 203\.0\.113\.3; the lines name 2 other clients/,
  );
  assert.match(several.stdout, /^allowed .*203\.0\.113\.3/);
  assert.match(cut.stderr, /no whole address of a client, as if it were cut off/);
  assert.match(alone.stderr, /want --client, or a whole line .*grep kim@/);
  assert.match(refused.stdout, /^note +the line is Postfix's own refusal: it had no answer/m);
  assert.match(dry.stdout, /but passes, because of dry-run/);
  assert.match(
    narrow.stdout,
    /^there was nothing to forget of the client .*--sender and --recipient/,
  );
  assert.match(narrower.stdout, /^there was nothing to forget of this sender .*--recipient/);
  assert.match(mistyped.stderr, /no such command; did you mean explain\?/);
  const statuses = [several, cut, alone, refused, dry, narrow, narrower, mistyped]
    .map(({ status }) => status);
  assert.deepEqual(statuses, [0, 64, 64, 75, 0, 0, 0, 78]);
});

test("a client's name is looked up as Postfix does, and what DNS was asked is told", async (t) => {
  const { server } = await startDnsServer(t, [
    ["9.113.0.203.in-addr.arpa", "PTR", "mx.firma.example"],
    ["mx.firma.example", "A", "203.0.113.9"],
    ["8.113.0.203.in-addr.arpa", "PTR", "mx.firma.example"],
    ["9.113.0.203.good.example", "A", "127.0.5.3"],
    ["firma.example", "TXT", "v=spf1 ip4:203.0.113.9 -all"],
  ]);
  const state = path.join(tempDir(t), "state.db");
  fs.writeFileSync(state, "");
  const run = shell(t, {
    GREYLIST_STORE: `sqlite:${state}`,
    GREYLIST_DNS_SERVERS: server,
    GREYLIST_DNSWL: "good.example>=1",
    GREYLIST_SPF: "yes",
  });
  const explain = async (command: string) => {
    const { status, stdout, stderr } = await run(command);
    assert.equal(stderr, "");
    return { status, ...JSON.parse(stdout) };
  };
  const rest = "--sender kim@firma.example --recipient robin@example.com --json";
  const [listed, forger, waiting] = await Promise.all([
    explain(`greylist explain --client 203.0.113.9 ${rest}`),
    explain(`greylist explain --client 203.0.113.8 ${rest}`),
    explain(`GREYLIST_DNSWL= greylist explain --client 203.0.113.9 ${rest}`),
  ]);
  assert.deepEqual(
    [listed.status, listed.client_name, listed.reason, listed.entry],
    [0, "mx.firma.example", "DNSWL", "good.example>=1"],
  );
  const asked = (listed.dns as { type: string; name: string; answer: string }[])
    .map(({ type, name, answer }) => `${type} ${name}: ${answer}`);
  assert.ok(asked.includes("PTR 9.113.0.203.in-addr.arpa: mx.firma.example"));
  assert.ok(asked.includes("A 9.113.0.203.good.example: 127.0.5.3"));
  assert.deepEqual([forger.status, forger.client_name], [75, "unknown"]);
  assert.equal(waiting.spf[0].vouches, "firma.example");
  const of = (waiting.records as { kind: string; of: string }[])
    .filter(({ kind }) => kind === "triplet").map(({ of }) => of);
  assert.deepEqual(of, ["m:firma.example", "a:203.0.113.9", "spf:firma.example"]);
});

test("forget takes what stands under a domain, what 0.1.0 knows, and what a user wrote", async (t) => {
  const state = `sqlite:${path.join(tempDir(t), "state.db")}`;
  const run = shell(t, {
    GREYLIST_STORE: state,
    GREYLIST_LEARN_CORRESPONDENTS: "yes",
    GREYLIST_AUTO_WHITELIST_DOMAINS: "1",
  });
  const setup = await load({
    flags: readCommandLine(["--store", state, "--learn-correspondents"], commands),
    env: {},
    ...files,
  });
  if ("problems" in setup) throw new Error(setup.problems.join());
  const { subjectOf, correspondents } = policyOptions(setup.setup);
  const from = "kim@firma.example", to = "robin@example.com";
  const client = { name: "mx.firma.example", address: "203.0.113.9" };
  const subject = subjectOf({ ...client, sender: from, recipient: to });
  const under = subject?.keysUnder("firma.example"), now = Math.ceil(Date.now() / 1000);
  const use = { seen: now, until: now + 86_400 };
  const entries = {
    [under?.senders[0] ?? ""]: encodeSender({ first: now, ...use }),
    [under?.triplets[0] ?? ""]: encodeTriplet({ state: "waiting", first: now, until: now + 99 }),
    [subject?.keys.domain ?? ""]: encodeDomain({ senders: "passed", ...use }),
    [subject?.releaseTriplet ?? ""]: `p ${now} ${now}`,
    [subject?.releaseClient ?? ""]: `c 9 ${now}`,
    [correspondents?.pairKey(from, to) ?? ""]: encodeCorrespondent(use),
  };
  const store = await openState(setup.setup);
  for (const [key, text] of Object.entries(entries)) {
    await store.put(key, text, 86_400, performance.now() + 5000);
  }
  await store.close();
  const forgotten = await run(`greylist forget ${whole} --json`);
  const kinds = (found: { kind: string }[]) => found.map(({ kind }) => kind).sort();
  const first = JSON.parse(forgotten.stdout);
  assert.deepEqual(kinds(first.forgotten), [
    "0.1.0's triplet",
    "correspondent",
    "sender",
    "triplet",
  ]);
  assert.deepEqual(kinds(first.stays), ["0.1.0's client", "domain"]);
  const domain = JSON.parse((await run(`greylist forget ${whole} --domain --json`)).stdout);
  assert.deepEqual(kinds(domain.forgotten), ["domain"]);
  const alone = JSON.parse((await run(`greylist forget --client 203.0.113.9 --json`)).stdout);
  assert.deepEqual(kinds(alone.forgotten), ["0.1.0's client"]);
  const line = `action=greylist, client_name=${client.name}, client_address=${client.address}, ` +
    `sender=${from}, recipient=${to}`;
  const left = await run(`printf '%s\\n' 'no mail' '${line}' 'stopped' | greylist explain --json`);
  assert.equal(left.status, 75);
  assert.equal(JSON.parse(left.stdout).reason, "new");
});

test("both copies of an entry are told, what counts by nothing is refused, and what is wider stays", async (t) => {
  const servers = await Promise.all([startMemcached(t), startMemcached(t)]);
  const store = `memcached:${servers.map(({ server }) => server).join(",")}`;
  const run = shell(t, { GREYLIST_STORE: store, GREYLIST_AUTO_WHITELIST_SENDERS: "1" });
  const alone = servers.map(({ server }) => shell(t, { GREYLIST_STORE: `memcached:${server}` }));
  const verdicts = () =>
    Promise.all(alone.map(async (ask) => (await ask(`greylist explain ${whole}`)).status));

  assert.equal((await run(`greylist allow ${mail}`)).status, 0);
  assert.deepEqual(await verdicts(), [0, 0]);
  assert.equal((await run(`greylist allow --client 203.0.113.9`)).status, 0);
  const forgotten = await run(`greylist forget ${mail}`);
  assert.match(forgotten.stdout, /^forgot {4}sender \(m:firma\.example\)/);
  assert.match(forgotten.stdout, /^stays {5}client \(a:203\.0\.113\.9\).*--client alone/m);
  assert.deepEqual(await verdicts(), [0, 0]);
  assert.equal((await run("greylist forget --client 203.0.113.9")).status, 0);
  assert.deepEqual(await verdicts(), [75, 75]);

  const off = await run(`GREYLIST_AUTO_WHITELIST=0 greylist allow --client 203.0.113.9`);
  assert.equal(off.status, 78);
  assert.match(off.stderr, /auto-whitelist is 0, .*whitelist_clients\.local/);

  await servers[1]?.stop();
  const late = await run(`greylist allow ${whole}`);
  assert.equal(late.status, 69);
  assert.match(late.stderr, /not all copies could be told/);
  assert.equal((await alone[0]?.(`greylist explain ${whole}`))?.status, 0);
});

test("explain says what is answered while the store is out of reach, and who the mail is from", async (t) => {
  const store = `memcached:127.0.0.1:${await freePort()}`;
  const run = shell(t, { GREYLIST_STORE: store });
  const [accepting, deferring] = await Promise.all([
    run(`greylist explain ${whole}`),
    run(`GREYLIST_ON_STORE_FAILURE=defer greylist explain --json ${whole}`),
  ]);
  assert.deepEqual([accepting.status, deferring.status], [69, 69]);
  assert.match(accepting.stdout, /^known as {3}m:firma\.example and a:203\.0\.113\.9/m);
  assert.match(accepting.stdout, /^note .*out of reach: memcached:.*ECONNREFUSED/m);
  assert.match(accepting.stdout, /^now {8}passes: store failure$/m);
  const { action, reason, notes } = JSON.parse(deferring.stdout);
  assert.deepEqual([action, reason], ["greylist", "store failure"]);
  assert.match(notes.join(), /ECONNREFUSED/);
});
