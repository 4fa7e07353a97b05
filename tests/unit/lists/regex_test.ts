import assert from "node:assert/strict";
import process from "node:process";
import { describe, test } from "node:test";
import { readClientList } from "../../../lib/lists/clients.ts";
import { describeProblem } from "../../../lib/lists/reading.ts";
import { finish } from "../../../lib/lists/slices.ts";

const read = (...patterns: string[]) =>
  finish(readClientList([{ file: "list", text: patterns.map((p) => `/${p}/`).join("\n") }]));

/** Of the processor's time: that of the clock passes faster on a busy machine. */
function milliseconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

describe("regular expressions in lists", () => {
  test("patterns that make a backtracking engine hang are answered at once", async () => {
    for (const pattern of ["^(a+)+$", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*a){25}b"]) {
      const { list, problems } = await read(pattern);
      assert.deepEqual(problems, []);
      for (const name of ["a".repeat(511) + "!", "x".repeat(512)]) {
        assert.ok(milliseconds(() => list.match({ name, address: "" })) < 200, pattern);
      }
    }
  });

  test("patterns whose automaton explodes still take a bounded time", async () => {
    const patterns = Array.from({ length: 40 }, (_, i) => `(a|b)*a(a|b){${200 + i}}$`);
    const { list, problems } = await read(...patterns);
    assert.deepEqual(problems, []);
    let seed = 1;
    const name = Array.from({ length: 512 }, () => {
      seed = seed * 48271 % 2147483647;
      return seed & 1 ? "a" : "b";
    }).join("");
    assert.ok(milliseconds(() => list.match({ name, address: "" })) < 3000);
  });

  test("a text longer than any name or address matches no pattern", async () => {
    const { list } = await read("a");
    assert.ok(list.match({ name: "a".repeat(512), address: "" }));
    assert.equal(list.match({ name: "a".repeat(513), address: "" }), undefined);
  });

  test("what only Perl has is refused, with the place and the reason", async () => {
    const perl = ["(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", "(a)\\1", "(?>a)", "a++", "\\h", "\\Z"];
    const { list, size, problems } = await read("^fine$", ...perl);
    assert.equal(size, 1);
    assert.deepEqual(problems.map(({ line }) => line), perl.map((_, i) => i + 2));
    for (const problem of problems) assert.match(problem.wanted, /RE2 syntax.*linear time: ./);
    assert.ok(list.match({ name: "fine", address: "" }), "the others still work");
  });

  test("malformed and oversized ones are refused", async () => {
    const bad = ["(", "[a", "a**", "x{1001}", "((a{50}){50}){50}", "(ab){1000}\\w(cd){1000}"];
    const { problems } = await read(...bad);
    assert.deepEqual(problems.map(({ text }) => text), bad.map((p) => `/${p}/`));
    assert.match(problems.at(-1)?.wanted ?? "", /at most 2000 states, this has \d+/);
  });

  test("a list has room for thousands of plain patterns, and an end", async () => {
    const { list, problems } = await read(
      ...Array.from({ length: 2500 }, (_, i) => `^mx${1000 + i}\\.example`),
      "x{1000}y{900}",
      ...Array.from({ length: 9 }, () => "x{1000}y{990}"),
    );
    assert.ok(list.match({ name: "mx3499.example", address: "" }));
    assert.ok(problems.length > 0);
    for (const { wanted } of problems) assert.match(wanted, /at most 50000 states in all/);
  });

  test("the syntax of postgrey's own patterns works, in any case", async () => {
    const rows: [string, string, boolean][] = [
      ["^mail[12]\\.example\\.net$", "MAIL2.example.net", true],
      ["^(?:smtp\\w*|postfix)[0-9]+-g[0-9]+\\.example$", "postfix7-g21.example", true],
      ["^.*?.server.example$", "a.server.example", true],
      ["^p?smtp.*\\.example$", "psmtp01.example", true],
      ["^mta[12].example$", "mta3.example", false],
      ["\\bpool\\b", "a.pool-1.example", true],
      ["\\bpool\\b", "a.whirlpool.example", false],
      ["[^\\/]\\@", "a@", true],
      ["^[[:alpha:]]+$", "ABC", true],
    ];
    for (const [pattern, name, expected] of rows) {
      const { list, problems } = await read(pattern);
      assert.deepEqual(problems, []);
      assert.equal(list.match({ name, address: "" }) !== undefined, expected, pattern);
    }
  });
});

test("lists without a pattern never ask for the engine", () => {
  const reading = readClientList([
    { file: "list", text: "example.org # not /this/\n192.0.2.0/24\n".repeat(500) },
  ]);
  for (let step = reading.next(); step.done !== true; step = reading.next()) {
    assert.equal(step.value, "pause");
  }
});

test("a problem is told in one line, with place, entry and what was wanted, escaped", () => {
  assert.equal(
    describeProblem({ file: "/etc/list", line: 7, text: '"\x1b[1m\\\xe9', wanted: "a name" }),
    '/etc/list:7: Cannot parse entry: want a name, got "\\"\\x1b[1m\\\\\\xe9"',
  );
  const long = describeProblem({ file: "f", line: 1, text: "x".repeat(5000), wanted: "less" });
  assert.match(long, /^f:1: Cannot parse entry: want less, got "x{120}\.\.\."$/);
});

test("what the engine says of a pattern is told in printable bytes", async () => {
  const { problems: [problem] } = await finish(
    readClientList([{ file: "/list", text: "/\0\x1b\xe9)/" }]),
  );
  assert.ok(problem);
  const told = describeProblem(problem);
  assert.match(told, /^\/list:1: Cannot parse entry: [ -~]+$/);
  assert.match(told, /unexpected \): `\(\?i\)\\x00\\x1b\\xe9\)`, got "/);
});
