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

test("what cannot be read is said with what was given, which part, and what was wanted", () => {
  const long = `/${"x".repeat(107)}`;
  const cases: [string, string][] = [
    ["", `unknown kind "", wanted "memory", "memcached:host:port" or "sqlite:/path"`],
    ["redis:a:1", `unknown kind "redis", wanted`],
    ["Memory", `unknown kind "Memory", wanted`],
    ["memory:1000", `unexpected ":1000", wanted "memory" alone`],
    ["memcached", `server missing, wanted "memcached:host:port"`],
    ["memcached:", `server missing, wanted "memcached:host:port"`],
    ["memcached:a,,b", "a server is empty"],
    ["memcached:a:1,", "a server is empty"],
    ["memcached:a:0", `server "a:0": port "0", wanted a number from 1 to 65535`],
    ["memcached:a:99999", `server "a:99999": port "99999", wanted a number from 1 to 65535`],
    ["memcached:a:", `server "a:": port "", wanted a number from 1 to 65535`],
    ["memcached:a:1x", `server "a:1x": port "1x", wanted`],
    ["memcached:::1:11211", `server "::1:11211": wanted brackets around an IPv6 address`],
    ["memcached:[1.2.3.4]:1", `server "[1.2.3.4]:1": wanted an IPv6 address`],
    ["memcached:[::1]x", `server "[::1]x": wanted an IPv6 address`],
    ["memcached:user@host:1", `server "user@host:1": wanted a host name or an address`],
    ["memcached: a:1", `server " a:1": wanted a host name or an address`],
    ["memcached::1", `server ":1": wanted a host name or an address`],
    ["memcached:unix:run/m.sock", `server "unix:run/m.sock": wanted an absolute path`],
    [
      `memcached:unix:${long}`,
      `server "unix:${long}": path too long, wanted 107 bytes at most`,
    ],
    ["memcached:a,b:11211,a:11211", `server "a:11211" is there twice`],
    ["sqlite", `path missing, wanted "sqlite:/path"`],
    ["sqlite:", `path missing, wanted "sqlite:/path"`],
    ["sqlite:state.db", `path "state.db" is relative, wanted an absolute one`],
    ["sqlite::memory:", `path ":memory:" is relative, wanted an absolute one`],
    ["sqlite:/var/lib/", `path "/var/lib/" is a directory's, wanted a file's`],
    ["sqlite:/a\0b", "path holds a NUL"],
  ];
  for (const [text, wanted] of cases) {
    assert.throws(() => parseStoreAddress(text), (error: unknown) => {
      assert.ok(error instanceof RangeError, text);
      assert.equal(error.message.slice(0, wanted.length), wanted);
      assert.ok(error.message.endsWith(`, in "${text}"`), error.message);
      return true;
    });
  }
});
