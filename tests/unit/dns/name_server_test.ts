import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatNameServer,
  isFrom,
  parseNameServer,
  readResolvConf,
} from "../../../lib/dns/name_server.ts";

test("a name server is an address, with a port behind it if it is not 53", () => {
  const spelled = (text: string) => formatNameServer(parseNameServer(text));
  assert.equal(spelled("192.0.2.53"), "192.0.2.53:53");
  assert.equal(spelled("127.0.0.1:5354"), "127.0.0.1:5354");
  assert.equal(spelled("[::1]:53"), "[::1]:53");
  assert.equal(spelled("[2001:DB8::0:53]"), "[2001:db8::53]:53");
  assert.equal(spelled("2001:db8::53"), "[2001:db8::53]:53");
  assert.equal(spelled("::ffff:192.0.2.53"), "192.0.2.53:53");
});

test("anything else is told with what was wanted", () => {
  for (
    const text of [
      "",
      "ns.example",
      "192.0.2.53:",
      "192.0.2.53:0",
      "192.0.2.53:65536",
      "[::1",
      "::1]",
    ]
  ) {
    assert.throws(() => parseNameServer(text), /^RangeError: want an address, such as /, text);
  }
});

test("resolv.conf names three servers at most, or else this machine", () => {
  const read = (text: string) => readResolvConf(text).map(formatNameServer);
  assert.deepEqual(
    read(
      "# nameserver 192.0.2.9\nsearch example.org\nnameserver 192.0.2.1 # one\nnameserver\t::1\n",
    ),
    ["192.0.2.1:53", "[::1]:53"],
  );
  assert.deepEqual(read("nameserver fe80::1%eth0\nnameserver x\n"), ["127.0.0.1:53"]);
  assert.deepEqual(read(""), ["127.0.0.1:53"]);
  assert.equal(read("nameserver 192.0.2.1\n".repeat(4)).length, 3);
});

test("an answer comes from the server's address and port, however they are spelled", () => {
  const server = parseNameServer("[2001:db8::1]:53");
  assert.ok(isFrom(server, "2001:db8:0:0::1", 53));
  assert.ok(!isFrom(server, "2001:db8::1", 54));
  assert.ok(!isFrom(server, "2001:db8::2", 53));
  assert.ok(!isFrom(server, "", 53));
});
