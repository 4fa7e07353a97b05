/** The program with a name server: its settings, its log, what a reload and check-config make of them. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { startDnsServer } from "../support/dns_server.ts";
import {
  connect,
  dunno,
  request,
  startDaemon,
  startProgram,
  startSpawned,
} from "../support/greylist.ts";
import { type Cleanup, freePort, type Running, tempDir, waitFor } from "../support/process.ts";
import { timed } from "../support/resolver.ts";

const zone = [
  "--local=/example/",
  "--host-record=9.2.0.192.good.example,127.0.5.2",
  "--host-record=2.0.0.127.good.example,127.0.10.0",
  "--host-record=2.0.0.127.bad.example,127.0.0.2",
];

const client = (n: number) =>
  request({ client_address: `192.0.2.${n}`, client_name: "unknown", helo_name: "mx.example.org" });

const says = (daemon: Running, text: string) =>
  waitFor(`the log to say: ${text}`, () => daemon.stderr().includes(text));

async function checked(t: Cleanup, args: readonly string[]) {
  const words = ["check-config", "--mode", "daemon", "--store", "memory", "--log", "none", ...args];
  const running = startProgram(t, words);
  const status = await running.exited;
  return { status, lines: running.stderr().split("\n").filter((line) => line !== "") };
}

test("a daemon asks the servers that are set, says when they are dead, and when they are back", async (t) => {
  const dns = await startDnsServer(t, [], { args: zone });
  const daemon = await startDaemon(t, [
    ...["--dnswl", "good.example>=1", "--dns-servers", dns.server, "--dns-timeout", "300ms"],
  ]);
  const postfix = await connect(t, daemon.endpoints[0]);
  assert.equal(await postfix.ask(client(9)), dunno);
  await says(daemon, "reason=DNSWL, client_name=unknown");
  assert.match(await postfix.ask(client(1)), /^action=DEFER/);
  dns.freeze();
  // Side by side: the list itself is no information for a minute once it has been silent.
  const all = await Promise.all(
    Array.from({ length: 6 }, async (_, n) => {
      const connection = await connect(t, daemon.endpoints[0]);
      return await timed(connection.ask(client(20 + n)));
    }),
  );
  assert.ok(all.every((milliseconds) => milliseconds < 1300), String(all));
  await says(daemon, "DNS does not answer: nobody waits for it any more");
  assert.ok(await timed(postfix.ask(client(30))) < 200);
  dns.thaw();
  let n = 40;
  await waitFor("DNS to be asked again", async () => {
    await postfix.ask(client(n++));
    return daemon.stderr().includes("DNS answers again after");
  });
  assert.equal(await postfix.ask(client(9)), dunno);
});

test("a reload changes who waits, and what DNS is asked", async (t) => {
  const dns = await startDnsServer(t, [], { args: zone });
  const conf = path.join(tempDir(t), "greylist.conf");
  fs.writeFileSync(conf, "");
  const daemon = await startDaemon(t, ["--config", conf]);
  const postfix = await connect(t, daemon.endpoints[0]);
  const reload = async (text: string) => {
    const times = daemon.stderr().split("took the new configuration").length; // and one
    fs.writeFileSync(conf, text);
    // Not child.kill, which Deno does only once.
    process.kill(daemon.pid, "SIGHUP");
    await waitFor(
      "the reload",
      () => daemon.stderr().split("took the new configuration").length > times,
    );
  };
  const server = request({ client_name: "mx.firma.example", helo_name: "mx.firma.example" });
  assert.match(await postfix.ask(server), /^action=DEFER/);
  assert.match(await postfix.ask(client(9)), /^action=DEFER/);
  await reload("greylist = suspicious\n");
  assert.equal(await postfix.ask(server), dunno);
  await says(daemon, "reason=not suspicious");
  assert.match(await postfix.ask(client(9)), /^action=DEFER/);
  await says(daemon, "suspicion=no verified name");
  await reload(`dnswl = good.example\ndns-servers = ${dns.server}\n`);
  assert.match(await postfix.ask(server), /^action=DEFER/);
  assert.equal(await postfix.ask(client(9)), dunno);
});

test("a child of spawn(8) asks, too", async (t) => {
  const dns = await startDnsServer(t, [], { args: zone });
  const dir = tempDir(t);
  const { client: postfix } = await startSpawned(t, {
    args: [
      ...["--store", `sqlite:${dir}/state`, "--log", `file:${dir}/log`],
      ...["--dnswl", "good.example", "--dns-servers", dns.server],
    ],
  });
  assert.equal(await postfix.ask(client(9)), dunno);
  assert.match(await postfix.ask(client(8)), /^action=DEFER/);
});

test("check-config finds nothing lacking where servers and lists answer", async (t) => {
  const dns = await startDnsServer(t, [], { args: zone });
  const { status, lines } = await checked(t, [
    ...["--greylist", "suspicious", "--dnswl", "good.example>=1", "--dns-servers", dns.server],
    ...["--dnsbl", "bad.example=127.0.0.[4..11]", "--strict"],
  ]);
  assert.deepEqual(lines, []);
  assert.equal(status, 0);
});

test("check-config warns of lists without their test point, and of servers that are silent", async (t) => {
  const dns = await startDnsServer(t, [], {
    args: [...zone, "--address=/parked.example/192.0.2.80"],
  });
  const dead = await freePort();
  const { status, lines } = await checked(t, [
    ...["--greylist", "suspicious", "--dns-timeout", "300ms", "--dnswl", "gone.example"],
    ...["--dns-servers", `${dns.server},127.0.0.1:${dead}`, "--dnsbl", "parked.example"],
  ]);
  assert.deepEqual(lines, [
    `greylist: warning: dns-servers: 127.0.0.1:${dead} does not answer`,
    "greylist: warning: dnswl: gone.example answers ENOTFOUND, want its test point 127.0.0.2",
    "greylist: warning: dnsbl: parked.example answers 192.0.2.80, want its test point 127.0.0.2",
  ]);
  assert.equal(status, 0);
});

test("check-config says of dead servers that, and not that the lists are silent", async (t) => {
  const dead = await freePort();
  const { lines } = await checked(t, [
    ...["--dns-timeout", "300ms", "--dnswl", "good.example"],
    ...["--dns-servers", `127.0.0.1:${dead}`],
  ]);
  assert.deepEqual(lines, [`greylist: warning: dns-servers: 127.0.0.1:${dead} does not answer`]);
});
