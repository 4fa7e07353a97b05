import assert from "node:assert/strict";
import test from "node:test";
import { formatServer, parseStoreAddress } from "../../../lib/stores/address.ts";

const inet = (host: string, port: number) => ({ kind: "inet" as const, host, port });

test("every kind of store address is read", () => {
  const cases: [string, unknown][] = [
    ["memory", { kind: "memory" }],
    ["sqlite:/var/lib/greylist/state.db", {
      kind: "sqlite",
      path: "/var/lib/greylist/state.db",
    }],
    ["sqlite:/with space,comma:colon", { kind: "sqlite", path: "/with space,comma:colon" }],
    ["memcached:127.0.0.1:11211", { kind: "memcached", servers: [inet("127.0.0.1", 11211)] }],
    ["memcached:cache", { kind: "memcached", servers: [inet("cache", 11211)] }],
    ["memcached:[::1]", { kind: "memcached", servers: [inet("::1", 11211)] }],
    ["memcached:a:11211,[2001:db8::5]:11212,unix:/run/m.sock", {
      kind: "memcached",
      servers: [inet("a", 11211), inet("2001:db8::5", 11212), {
        kind: "unix",
        path: "/run/m.sock",
      }],
    }],
    ["memcached:[fe80::1%eth0]:1", { kind: "memcached", servers: [inet("fe80::1%eth0", 1)] }],
  ];
  for (const [text, wanted] of cases) assert.deepEqual(parseStoreAddress(text), wanted, text);
});

test("a server is written as it is read", () => {
  for (const text of ["a:1", "[::1]:11212", "unix:/run/m.sock", "mx.example.org:65535"]) {
    const address = parseStoreAddress(`memcached:${text}`);
    assert.ok(address.kind === "memcached");
    assert.deepEqual(address.servers.map(formatServer), [text]);
  }
});

test("what cannot be read is said with what was wanted, and the part that was given", () => {
  const long = `/${"x".repeat(107)}`;
  const kinds = "want memory, memcached:host:port or sqlite:/path";
  const server = "want host or host:port, with an IPv6 address in brackets";
  const port = `${server}, with a port from 1 to 65535`;
  const file = "want sqlite:/absolute/path of a file";
  const cases: [string, string][] = [
    ["", `${kinds}, got ""`],
    ["redis:a:1", `${kinds}, got "redis:a:1"`],
    ["Memory", `${kinds}, got "Memory"`],
    ["memory:1000", `${kinds}, got "memory:1000"`],
    ["memcached", `${server}, got ""`],
    ["memcached:", `${server}, got ""`],
    ["memcached:a,,b", `${server}, got ""`],
    ["memcached:a:1,", `${server}, got ""`],
    ["memcached:a:0", `${port}, got "a:0"`],
    ["memcached:a:99999", `${port}, got "a:99999"`],
    ["memcached:a:", `${port}, got "a:"`],
    ["memcached:b,a:1x", `${port}, got "a:1x"`],
    ["memcached:::1:11211", `${server}, got "::1:11211"`],
    ["memcached:[1]:1", `${server}, got "[1]:1"`],
    ["memcached:[::1]x", `${server}, got "[::1]x"`],
    ["memcached:user@host:1", `${server}, got "user@host:1"`],
    ["memcached: a:1", `${server}, got " a:1"`],
    ["memcached::1", `${server}, got ":1"`],
    ["memcached:unix:run/m.sock", `want unix:/absolute/path, got "unix:run/m.sock"`],
    [
      `memcached:unix:${long}`,
      `want a socket path of at most 107 bytes, got 108: "${long}"`,
    ],
    [
      "memcached:a,b:11211,a:11211",
      `want each server once, got "a:11211" twice, in "a,b:11211,a:11211"`,
    ],
    ["sqlite", `${file}, got "sqlite:"`],
    ["sqlite:", `${file}, got "sqlite:"`],
    ["sqlite:state.db", `${file}, got "sqlite:state.db"`],
    ["sqlite::memory:", `${file}, got "sqlite::memory:"`],
    ["sqlite:/var/lib/", `${file}, got "sqlite:/var/lib/"`],
    ["sqlite:/a\0b", `${file}, got "sqlite:/a\0b"`],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parseStoreAddress(text), { name: "RangeError", message }, text);
  }
});
