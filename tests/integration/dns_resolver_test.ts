import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as dgram from "node:dgram";
import * as fs from "node:fs";
import { test } from "node:test";
import { startDnsServer } from "../support/dns_server.ts";
import { answerTo, nameBytes, record, startUdpServer } from "../support/udp_name_server.ts";
import { atEnd, freePort, waitFor } from "../support/process.ts";
import { openResolver, timed } from "../support/resolver.ts";

const address = (...octets: number[]) => record(1, Uint8Array.from(octets));

test("dnsmasq's answers come in node's shapes and with node's codes", async (t) => {
  const dns = await startDnsServer(t, [], {
    args: [
      "--local=/example/",
      "--txt-record=a.example,v=spf1 -all",
      "--txt-record=a.example,other,parts",
      "--mx-host=a.example,mx.example,10",
      "--host-record=a.example,192.0.2.1,2001:db8::1",
      "--host-record=b.example,192.0.2.2",
      "--cname=alias.example,a.example",
      "--ptr-record=1.2.0.192.in-addr.arpa,a.example",
    ],
  });
  const { ask } = openResolver(t, [dns.server]);
  const texts = await ask("a.example", "TXT") as string[][];
  assert.deepEqual(texts.sort(), [["other", "parts"], ["v=spf1 -all"]]);
  assert.deepEqual(await ask("a.example", "MX"), [{ priority: 10, exchange: "mx.example" }]);
  assert.deepEqual(await ask("A.EXAMPLE."), ["192.0.2.1"]);
  assert.deepEqual(await ask("a.example", "AAAA"), ["2001:db8::1"]);
  assert.deepEqual(await ask("alias.example"), ["192.0.2.1"]);
  assert.deepEqual(await ask("1.2.0.192.in-addr.arpa", "PTR"), ["a.example"]);
  assert.equal(await ask("b.example", "MX"), "ENODATA");
  assert.equal(await ask("none.example"), "ENOTFOUND");
  assert.equal(await ask("no name.example"), "ENOTFOUND");
});

test("a text that does not fit into a datagram comes over TCP", async (t) => {
  const parts = Array.from({ length: 9 }, (_, n) => String(n).repeat(200));
  const dns = await startDnsServer(t, [], {
    args: [`--txt-record=long.example,${parts.join(",")}`],
  });
  const { ask } = openResolver(t, [dns.server]);
  assert.deepEqual(await ask("long.example", "TXT"), [parts]);
});

test("an answer is asked for once while it may be kept, and once however many want it", async (t) => {
  const server = await startUdpServer(t, ({ bytes, name, send }) => {
    const ttl = name.startsWith("short") ? 0 : 60;
    const records = name.startsWith("none")
      ? []
      : [record(1, Uint8Array.of(192, 0, 2, 1), { ttl })];
    setTimeout(() => send(answerTo(bytes, records, { rcode: records.length === 0 ? 3 : 0 })), 20);
  });
  const { ask } = openResolver(t, [server.server]);
  for (const name of ["kept.example", "none.example", "short.example"]) {
    await Promise.all([ask(name), ask(name.toUpperCase()), ask(`${name}.`)]);
    assert.deepEqual(server.asked.splice(0), [`${name} 1`]);
  }
  await Promise.all(["kept.example", "none.example", "short.example"].map((name) => ask(name)));
  assert.deepEqual(server.asked, ["short.example 1"]);
});

test("of what is sent only the answer counts: not rubbish, another id, or another sender", async (t) => {
  const stranger = dgram.createSocket("udp4");
  atEnd(t, () => void stranger.close());
  const server = await startUdpServer(t, ({ bytes, send }) => {
    const forged = [address(192, 0, 2, 66)];
    send(Buffer.from("rubbish"));
    send(new Uint8Array());
    send(answerTo(bytes, forged, { id: bytes.readUInt16BE(0) ^ 1 }));
    send(answerTo(Buffer.from(bytes.toString("hex").replace("0161", "0162"), "hex"), forged));
    send(answerTo(bytes, forged), stranger);
    setTimeout(() => send(answerTo(bytes, [address(192, 0, 2, 1)])), 50);
  });
  const { ask } = openResolver(t, [server.server]);
  assert.deepEqual(await ask("a.example"), ["192.0.2.1"]);
});

test("ids and ports cannot be foretold", async (t) => {
  const ids = new Set<number>(), ports = new Set<number>();
  const socket = dgram.createSocket("udp4");
  atEnd(t, () => void socket.close());
  socket.on("message", (bytes, peer) => {
    ids.add(bytes.readUInt16BE(0));
    ports.add(peer.port);
    socket.send(answerTo(bytes), peer.port, peer.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { ask } = openResolver(t, [`127.0.0.1:${socket.address().port}`]);
  for (let n = 0; n < 50; n++) await ask(`a${n}.example`);
  assert.ok(ids.size >= 45, `${ids.size} ids`);
  assert.ok(ports.size >= 40, `${ports.size} ports`);
});

test("a lost datagram is sent again, and another server asked where there is one", async (t) => {
  let lost = 0;
  const server = await startUdpServer(t, ({ bytes, send }) => {
    if (lost++ > 0) send(answerTo(bytes, [address(192, 0, 2, 1)]));
  });
  assert.deepEqual(await openResolver(t, [server.server], 2000).ask("a.example"), ["192.0.2.1"]);
  const dead = await freePort();
  const { ask } = openResolver(t, [`127.0.0.1:${dead}`, server.server], 2000);
  assert.deepEqual(await ask("b.example"), ["192.0.2.1"]);
});

test("a server that refuses makes way for the next at once", async (t) => {
  const refuses = await startUdpServer(t, ({ bytes, send }) => {
    send(answerTo(bytes, [], { rcode: 5 }));
  });
  const knows = await startDnsServer(t, [], { args: ["--host-record=a.example,192.0.2.1"] });
  const { ask } = openResolver(t, [refuses.server, knows.server], 60_000);
  assert.deepEqual(await ask("a.example"), ["192.0.2.1"]);
  await knows.stop();
  const { ask: askOne } = openResolver(t, [refuses.server], 60_000);
  assert.equal(await askOne("b.other"), "EREFUSED");
});

test("dead DNS costs three requests their time, and then nobody; it comes back by itself", async (t) => {
  const dns = await startDnsServer(t, [], { args: ["--host-record=a.example,192.0.2.1"] });
  const { ask, told } = openResolver(t, [dns.server], 300);
  dns.freeze();
  for (let n = 0; n < 3; n++) {
    const milliseconds = await timed(
      ask(`a${n}.example${n}.org`).then((code) => assert.equal(code, "ETIMEOUT")),
    );
    assert.ok(milliseconds >= 290 && milliseconds < 1300, `${milliseconds} ms`);
  }
  await waitFor("the breaker to open", () => told.length > 0);
  assert.deepEqual(told, ["down"]);
  const all = Array.from({ length: 100 }, (_, n) => ask(`b${n}.example${n}.org`));
  assert.ok(await timed(Promise.all(all)) < 200);
  dns.thaw();
  await waitFor("DNS to be back", async () => (await ask("a.example")) !== "ETIMEOUT");
  assert.deepEqual(told, ["down", "up true"]);
  assert.deepEqual(await ask("a.example"), ["192.0.2.1"]);
});

test("a domain whose server is slow is no information for a while, and no harm to others", async (t) => {
  const server = await startUdpServer(t, ({ bytes, name, send }) => {
    if (name.endsWith("slow.example")) return;
    if (name === "") return send(answerTo(bytes, [], { rcode: 5 }));
    send(answerTo(bytes, [address(192, 0, 2, 1)]));
  });
  const { ask, told } = openResolver(t, [server.server], 200);
  await Promise.all(Array.from({ length: 20 }, (_, n) => ask(`a${n}.slow.example`)));
  const asked = () => new Set(server.asked.filter((question) => question.includes("slow"))).size;
  assert.equal(asked(), 8);
  assert.ok(await timed(ask("b.slow.example")) < 100);
  assert.equal(asked(), 8);
  // The root answers, by refusing, so that this is not taken for an outage of DNS.
  for (let n = 0; n < 6; n++) assert.equal(await ask(`a.${n}slow.example`), "ETIMEOUT");
  assert.ok(server.asked.includes(" 2"));
  assert.deepEqual(told, []);
  assert.deepEqual(await ask("a.fast.example"), ["192.0.2.1"]);
});

test("an answer that came too late for its request is there for the next", async (t) => {
  const server = await startUdpServer(t, ({ bytes, name, send }) => {
    const answer = () => send(answerTo(bytes, [address(192, 0, 2, 1)]));
    if (name.startsWith("first")) setTimeout(answer, 250);
    else setTimeout(answer, 200);
  });
  const { resolver, ask } = openResolver(t, [server.server], 300);
  const outcome = await resolver.ask(async (lookup) => {
    await lookup("first.example", "A");
    return await lookup("second.other", "A").catch(({ code }) => code);
  });
  assert.equal(outcome, "ETIMEOUT");
  await waitFor("the late answer", async () => (await ask("second.other")) !== "ETIMEOUT");
  assert.equal(new Set(server.asked).size, 2);
});

test("an answer that came while this process was kept from running is one", async (t) => {
  const dns = await startDnsServer(t, [], { args: ["--host-record=a.example,192.0.2.1"] });
  const { ask, told } = openResolver(t, [dns.server], 500);
  dns.freeze();
  const answer = ask("a.example");
  await new Promise((resolve) => setTimeout(resolve, 100));
  dns.thaw();
  for (const end = performance.now() + 1000; performance.now() < end;);
  assert.deepEqual(await answer, ["192.0.2.1"]);
  assert.deepEqual(told, []);
});

test("records that nobody can mean are no answer, and never an exception", async (t) => {
  const pointer = (to: number) => Uint8Array.of(0xc0, to);
  const server = await startUdpServer(t, ({ bytes, name, send }) => {
    const records: Record<string, Uint8Array[]> = {
      "loop.example": [record(5, pointer(12))],
      "short.example": [record(1, Uint8Array.of(192))],
      "pointer.example": [record(5, pointer(60))],
      "text.example": [record(16, Uint8Array.of(200, 65))],
      "label.example": [record(5, Uint8Array.of(64, ...nameBytes("x")))],
    };
    send(answerTo(bytes, records[name] ?? [address(192, 0, 2, 1)]));
  });
  const { ask, told } = openResolver(t, [server.server], 200);
  for (const name of ["loop", "short", "pointer", "label"]) {
    assert.match(String(await ask(`${name}.example`)), /^ETIMEOUT|ENODATA$/, name);
  }
  assert.match(String(await ask("text.example", "TXT")), /^ETIMEOUT|ENODATA$/);
  assert.deepEqual(await ask("good.other"), ["192.0.2.1"]);
  assert.deepEqual(told, []);
});

test("nothing is left open: sockets are closed with each question, and with the resolver", async (t) => {
  const dns = await startDnsServer(t, [], { args: ["--local=/example/"] });
  const { resolver, ask } = openResolver(t, [dns.server], 10_000);
  const open = () => fs.readdirSync("/proc/self/fd").length;
  await ask("first.example");
  const before = open();
  await Promise.all(Array.from({ length: 500 }, (_, n) => ask(`a${n}.d${n}.example`)));
  await waitFor("the sockets to be closed", () => open() <= before);
  dns.freeze();
  const asked = Promise.all(Array.from({ length: 50 }, (_, n) => ask(`b${n}.example${n}.org`)));
  await waitFor("sockets to be open", () => open() > before + 20);
  resolver.close();
  assert.deepEqual(new Set(await asked), new Set(["ETIMEOUT"]));
  await waitFor("the sockets to be closed", () => open() <= before);
});
