import assert from "node:assert/strict";
import { test } from "node:test";
import { formatEndpoint, parseEndpoint } from "../../lib/endpoint.ts";
import { parseStoreAddress } from "../../lib/stores/address.ts";

test("endpoints are written as Postfix writes them, and read back", () => {
  for (
    const text of [
      "inet:127.0.0.1:10023",
      "inet:[::1]:10023",
      "inet:[fe80::1%eth0]:10023",
      "inet:mail.example.com:0",
      "unix:/var/spool/postfix/private/greylist",
    ]
  ) {
    assert.equal(formatEndpoint(parseEndpoint(text)), text);
  }
});

test("what is no endpoint is refused with what was wanted", () => {
  for (
    const [text, wanted] of [
      ["127.0.0.1:10023", /want inet:host:port or unix:\/path/],
      ["inet:10023", /want host:port/],
      ["inet:host:99999", /0 to 65535/],
      ["inet:host:", /0 to 65535/],
      ["inet:::1:10023", /brackets/],
      ["unix:private/greylist", /absolute/],
      [`unix:/${"x".repeat(107)}`, /at most 107 bytes/],
      ["tcp:host:1", /want inet/],
      ["", /want inet/],
    ] as const
  ) {
    assert.throws(() => parseEndpoint(text), wanted, text);
  }
});

test("what listen refuses, store refuses, in the same words", () => {
  const long = `unix:/${"\u00e9".repeat(60)}`;
  const cases: [listen: string, server: string, wanted: RegExp][] = [
    ...[
      "a!b:1",
      "a b:1",
      "[1]:5",
      "[]:5",
      "[::1%]:5",
      "[127.0.0.1%lo]:5",
      "::1:5",
      "a:b:1",
      "-:1",
      ":1",
    ]
      .map((
        text,
      ): [string, string, RegExp] => [`inet:${text}`, text, /IPv6 address in brackets, got "/]),
    ...["a:65536", "a:-1", "a:x", "a:1\n", "[::1]:"]
      .map((
        text,
      ): [string, string, RegExp] => [`inet:${text}`, text, /with a port from . to 65535, got "/]),
    [long, long, /^RangeError: want a socket path of at most 107 bytes, got 121: "/],
    ["unix:", "unix:", /^RangeError: want unix:\/absolute\/path, got "unix:"$/],
    ["unix:/a\0b", "unix:/a\0b", /^RangeError: want a path without NUL, got "/],
  ];
  for (const [listen, server, wanted] of cases) {
    assert.throws(() => parseEndpoint(listen), wanted, listen);
    assert.throws(() => parseStoreAddress(`memcached:${server}`), wanted, server);
  }
});

test("what 0.1.0 took for an address to listen on is one still", () => {
  for (const text of ["inet:[127.0.0.1]:10023", "inet:127.0.0.1:010023", "inet:my_host.:1"]) {
    assert.equal(parseEndpoint(text).kind, "inet", text);
  }
});
