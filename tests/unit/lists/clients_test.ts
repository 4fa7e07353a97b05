import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type ClientList, readClientList } from "../../../lib/lists/clients.ts";
import type { Source } from "../../../lib/lists/lines.ts";
import { groupsOf } from "../../../lib/address.ts";
import { parseNetwork } from "../../../lib/lists/prefixes.ts";
import { finish } from "../../../lib/lists/slices.ts";

const read = (...sources: Source[]) => finish(readClientList(sources));

async function listOf(text: string): Promise<ClientList> {
  const { list, problems } = await read({ file: "clients", text });
  assert.deepEqual(problems, []);
  return list;
}

/** [list, name, address, the entry that matches or undefined] */
const CASES: Record<string, [string, string, string, string | undefined][]> = {
  "a domain holds itself and what is below it": [
    ["example.org", "example.org", "192.0.2.1", "example.org"],
    ["example.org", "mx1.mail.example.org", "192.0.2.1", "example.org"],
    ["example.org", "myexample.org", "192.0.2.1", undefined],
    ["example.org", "example.org.evil.test", "192.0.2.1", undefined],
    ["mx.example.org", "example.org", "192.0.2.1", undefined],
    ["mx.example.org", "mx2.example.org", "192.0.2.1", undefined],
    ["org", "mx.example.org", "192.0.2.1", "org"],
    ["localhost", "localhost", "127.0.0.1", "localhost"],
    ["example.org\nmx.example.org", "a.mx.example.org", "192.0.2.1", "mx.example.org"],
  ],
  "upper and lower case and the dot at the end of a name do not matter": [
    ["Example.ORG", "mx.eXAMPLE.org", "192.0.2.1", "Example.ORG"],
    ["example.org.", "mx.example.org", "192.0.2.1", "example.org."],
    ["example.org", "mx.example.org.", "192.0.2.1", "example.org"],
    ["example.org", ".", "192.0.2.1", undefined],
    ["example.org", "", "192.0.2.1", undefined],
  ],
  "an international name and its form in DNS are one, whatever the case": [
    ["xn--mnchen-3ya.example", "mx.XN--MNCHEN-3YA.example", "192.0.2.1", "xn--mnchen-3ya.example"],
    ...["m\xc3\xbcnchen.example", "M\xc3\x9cNCHEN.Example.", "Xn--Mnchen-3ya.EXAMPLE"].flatMap(
      (entry): [string, string, string, string][] => [
        [entry, "mx.xn--mnchen-3ya.example", "192.0.2.1", entry],
        [entry, "XN--MNCHEN-3YA.example.", "192.0.2.1", entry],
        [entry, "mx.m\xc3\xbcnchen.example", "192.0.2.1", entry],
      ],
    ),
    ["m\xc3\xbcnchen.example", "xn--mnchen-3ya.example.org", "192.0.2.1", undefined],
    ["m\xc3\xbcnchen.example", "munchen.example", "192.0.2.1", undefined],
    ["_x.m\xc3\xbcnchen.example", "_x.xn--mnchen-3ya.example", "", "_x.m\xc3\xbcnchen.example"],
    // The full stop that East Asian keyboards have.
    [
      "m\xc3\xbcnchen\xe3\x80\x82example",
      "xn--mnchen-3ya.example",
      "",
      "m\xc3\xbcnchen\xe3\x80\x82example",
    ],
  ],
  "what is no UTF-8, or no name at all, is in no list of names, and no error": [
    ["m\xc3\xbcnchen.example", "m\xfcnchen.example", "192.0.2.1", undefined],
    ["m\xc3\xbcnchen.example", "m\xc3\xbc%6echen.example", "192.0.2.1", undefined],
    ["m\xc3\xbcnchen.example", "\xc3\xbc".repeat(60_000) + ".example", "192.0.2.1", undefined],
  ],
  "clients without a verified name are matched by address, by a pattern, or by the word": [
    ["example.org\n192.0.2.1", "unknown", "192.0.2.1", "192.0.2.1"],
    ["example.org", "unknown", "192.0.2.1", undefined],
    ["unknown", "unknown", "192.0.2.1", "unknown"],
    ["unknown", "mx.example.org", "192.0.2.1", undefined],
    ["/^$/", "", "192.0.2.1", "/^$/"],
  ],
  "IPv4 addresses, networks, three octets and two": [
    ["192.0.2.1", "unknown", "192.0.2.1", "192.0.2.1"],
    ["192.0.2.1", "unknown", "192.0.2.10", undefined],
    ["192.0.2.1", "192.0.2.1", "198.51.100.1", undefined],
    ["192.0.2.128/25", "unknown", "192.0.2.129", "192.0.2.128/25"],
    ["192.0.2.128/25", "unknown", "192.0.2.127", undefined],
    ["192.0.2.77/24", "unknown", "192.0.2.1", "192.0.2.77/24"],
    ["192.0.2", "unknown", "192.0.2.255", "192.0.2"],
    ["192.0.2", "unknown", "192.0.3.0", undefined],
    ["192.0", "unknown", "192.0.255.255", "192.0"],
    ["192.0", "unknown", "192.1.0.0", undefined],
    ["0.0.0.0/0", "unknown", "203.0.113.9", "0.0.0.0/0"],
    ["0.0.0.0/0", "unknown", "2001:db8::1", undefined],
    ["255.255.255.255", "unknown", "255.255.255.255", "255.255.255.255"],
    ["010.000.000.001", "unknown", "10.0.0.1", "010.000.000.001"],
    ["10.0.0.1", "unknown", "010.000.000.001", undefined],
    ["::ffff:010.0.0.1", "unknown", "10.0.0.1", "::ffff:010.0.0.1"],
    ["10.0.0.0/8\n10.1.0.0/16", "unknown", "10.1.2.3", "10.1.0.0/16"],
  ],
  "IPv6 addresses and networks": [
    ["2001:db8::1", "unknown", "2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:0DB8::/32", "unknown", "2001:db8:ffff::1", "2001:0DB8::/32"],
    ["2001:db8::/32", "unknown", "2001:db9::1", undefined],
    ["2001:db8::/61", "unknown", "2001:db8:0:7::1", "2001:db8::/61"],
    ["2001:db8::/61", "unknown", "2001:db8:0:8::1", undefined],
    ["::/0", "unknown", "2001:db8::1", "::/0"],
    ["::/0", "unknown", "192.0.2.1", undefined],
    ["::1", "unknown", "::1", "::1"],
  ],
  "a mapped IPv4 address is that IPv4 address, in the list and in the request": [
    ["192.0.2", "unknown", "::ffff:192.0.2.9", "192.0.2"],
    ["::ffff:192.0.2.9", "unknown", "192.0.2.9", "::ffff:192.0.2.9"],
    ["::FFFF:c000:209", "unknown", "192.0.2.9", "::FFFF:c000:209"],
    ["::ffff:192.0.2.0/120", "unknown", "192.0.2.9", "::ffff:192.0.2.0/120"],
    ["::ffff:192.0.2.0/120", "unknown", "192.0.3.9", undefined],
    ["::ffff:0:0/96", "unknown", "203.0.113.1", "::ffff:0:0/96"],
    ["::ffff:0.0.0.0/64", "unknown", "203.0.113.1", undefined],
    ["::ffff:0.0.0.0/64", "unknown", "::7", "::ffff:0.0.0.0/64"],
  ],
  "what is no address is in no network, and no error": [
    ["0.0.0.0/0\n::/0", "unknown", "unknown", undefined],
    ["0.0.0.0/0\n::/0", "unknown", "", undefined],
    ["0.0.0.0/0\n::/0", "unknown", "fe80::1%eth0", undefined],
    ["0.0.0.0/0\n::/0", "unknown", "[::1]", undefined],
    ["0.0.0.0/0\n::/0", "unknown", "1.2.3", undefined],
    ["0.0.0.0/0\n::/0", "unknown", "1.2.3.4.5", undefined],
    ["0.0.0.0/0\n::/0", "unknown", "::1::", undefined],
    ["0.0.0.0/0\n::/0", "unknown", ":".repeat(60_000), undefined],
  ],
  "a regular expression is found anywhere in the name, whatever the case": [
    ["/^mx\\d+\\.example\\.org$/", "MX12.example.org", "192.0.2.1", "/^mx\\d+\\.example\\.org$/"],
    ["/^mx\\d+\\.example\\.org$/", "mx.example.org", "192.0.2.1", undefined],
    ["/dynamic/", "a.dynamic.example.org", "192.0.2.1", "/dynamic/"],
    ["/a/\n/b/", "b.example.net", "192.0.2.1", "/a/"],
    ["/x1/\n/b/", "b.example.net", "192.0.2.1", "/b/"],
    ["/192/", "unknown", "192.0.2.1", undefined],
  ],
};

describe("a list of clients", () => {
  for (const [title, rows] of Object.entries(CASES)) {
    test(title, async () => {
      for (const [text, name, address, expected] of rows) {
        const rule = (await listOf(text)).match({ name, address });
        assert.equal(rule?.text, expected, `${JSON.stringify(text)} with ${name}[${address}]`);
      }
    });
  }

  test("comments, empty lines, white space, CRLF and a byte order mark mean nothing", async () => {
    const text =
      "\xef\xbb\xbf# by hand\r\n\r\n \t example.org \t# why\r\n\t#\n192.0.2.1#\n\n/a\\x23b/ ";
    const { list, size } = await read({ file: "clients", text });
    assert.equal(size, 3);
    assert.deepEqual(list.match({ name: "mx.example.org", address: "" }), {
      file: "clients",
      line: 3,
      text: "example.org",
    });
    assert.equal(list.match({ name: "unknown", address: "192.0.2.1" })?.line, 5);
    assert.equal(list.match({ name: "a#b", address: "" })?.line, 7);
    assert.equal((await read({ file: "f", text: "\xef\xbb\xbf/a/" })).size, 1);
  });

  test("several files add up, and a match names its file and line", async () => {
    const { list, size, problems } = await read(
      { file: "shipped", text: "example.org\n/^a/\n" },
      { file: "local", text: "\nexample.net\n/^b/\nexample.org" },
    );
    assert.deepEqual(problems, []);
    assert.equal(size, 5);
    const place = (name: string) => {
      const rule = list.match({ name, address: "192.0.2.1" });
      return rule && `${rule.file}:${rule.line}`;
    };
    assert.equal(place("mx.example.org"), "shipped:1");
    assert.equal(place("mx.example.net"), "local:2");
    assert.equal(place("a.test"), "shipped:2");
    assert.equal(place("b.test"), "local:3");
  });

  test("an empty list matches nobody", async () => {
    const { list, size } = await read({ file: "clients", text: "# nothing yet\n" });
    assert.equal(size, 0);
    assert.equal(list.match({ name: "mx.example.org", address: "192.0.2.1" }), undefined);
  });

  test("a name far longer than any entry costs no more than a short one", async () => {
    const list = await listOf("example.org\n/nothing-like-it/");
    const name = "a.".repeat(500_000) + "example.org";
    const started = performance.now();
    assert.equal(list.match({ name, address: "192.0.2.1" })?.text, "example.org");
    assert.equal(list.match({ name: name + ".test", address: "192.0.2.1" }), undefined);
    assert.ok(performance.now() - started < 500);
  });
});

/** [the line, what the message has to say] */
const UNREADABLE: [string, RegExp][] = [
  ["example.org OK", /one entry a line/],
  ["*.example.org", /includes everything below/],
  [".example.org", /includes everything below/],
  ["user@example.org", /list of senders \(whitelist-senders\) or of recipients/],
  ["example..org", /host or domain name/],
  ["-example.org", /host or domain name/],
  ["example.org:25", /host or domain name/],
  ["example.org/24", /host or domain name/],
  [`${"a".repeat(64)}.org`, /host or domain name/],
  [`${"a.".repeat(130)}org`, /host or domain name/],
  ["\xe9t\xe9.example", /in UTF-8 or as DNS has it \(xn--…\)/],
  ["\xa0", /xn--/],
  // A joiner where RFC 5892 has none, a label that gets too long, and digits of another width.
  ["\xe2\x80\x8dm\xc3\xbcnchen.example", /xn--/],
  [`${"\xc3\xbc".repeat(63)}.example`, /xn--/],
  ["\xef\xbc\x91.2.3.4", /xn--/],
  ["300.1.2.3", /octets from 0 to 255/],
  ["192.0.2.0/33", /from 0 to 32/],
  ["192.0.2.0/", /from 0 to 32/],
  ["192.0.2/24", /octets/],
  ["192.0.2.", /octets/],
  ["192", /octets/],
  ["1.2.3.4.5", /octets/],
  ["300.1", /octets/],
  ["192.0.2.0/24/24", /host or domain name/],
  ["1::2::3", /IPv6 address/],
  ["::1/129", /from 0 to 128/],
  ["::ffff:192.0.2.1/129", /from 0 to 128/],
  ["[2001:db8::]/32", /without brackets/],
  ["fe80::1%eth0", /IPv6 address/],
  ["/unclosed", /both slashes/],
  ["/", /both slashes/],
  ["//", /both slashes/],
  ["/a/i", /nothing behind/],
  ["/a b/", /white space/],
  ["/a#b/", /\\x23/],
  ["\0", /host or domain name/],
  ["mx.1", /host or domain name/],
];

describe("a line that cannot be read", () => {
  for (const [line, wanted] of UNREADABLE) {
    test(`${JSON.stringify(line.slice(0, 40))} is a problem that says what was wanted`, async () => {
      const { size, problems } = await read({ file: "f", text: `good.example\n${line}\n` });
      assert.equal(problems.length, 1);
      assert.equal(problems[0]?.line, 2);
      assert.match(problems[0]?.wanted ?? "", wanted);
      assert.equal(size, 1, "the rest of the file is read");
    });
  }

  test("does not hide the others: all come at once, in order, with their files", async () => {
    const { problems } = await read(
      { file: "a", text: "*.x\nok.example\n1.2.3.4/99" },
      { file: "b", text: "/(/" },
    );
    assert.deepEqual(problems.map(({ file, line, text }) => [file, line, text]), [
      ["a", 1, "*.x"],
      ["a", 3, "1.2.3.4/99"],
      ["b", 1, "/(/"],
    ]);
  });

  test("of a megabyte is read as fast as any other", async () => {
    const started = performance.now();
    const lines = ["1", "a", ".", ":", "/", "a.", " x", "\xe9"].map((c) => c.repeat(1_000_000));
    const { problems } = await read({ file: "f", text: lines.join("\n") });
    assert.equal(problems.length, lines.length);
    assert.ok(performance.now() - started < 2000);
  });
});

describe("against a slow but plain reading", () => {
  const label = fc.constantFrom("a", "b", "ab", "mx1", "x-y");
  const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));

  test("names agree", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(name, { maxLength: 6 }), name, async (entries, asked) => {
        const expected = entries.some((e) => asked === e || asked.endsWith("." + e));
        const rule = (await listOf(entries.join("\n"))).match({ name: asked, address: "" });
        assert.equal(rule !== undefined, expected);
      }),
    );
  });

  const bits = (text: string) =>
    groupsOf(text)?.map((g) => g.toString(2).padStart(16, "0")).join("") ?? "";
  const address = fc.oneof(
    fc.tuple(fc.constantFrom(10, 11), fc.constantFrom(0, 1, 255), fc.nat(3), fc.nat(255))
      .map((octets) => octets.join(".")),
    fc.tuple(fc.constantFrom("2001", "2002"), fc.constantFrom("0", "1", "8000"), fc.nat(3))
      .map(([a, b, c]) => `${a}:${b}::${c}`),
  );

  test("networks agree, and the longest wins", async () => {
    const network = fc.tuple(address, fc.nat(128)).map(([text, length]) =>
      `${text}/${text.includes(":") ? length : length % 33}`
    );
    await fc.assert(
      fc.asyncProperty(fc.array(network, { maxLength: 8 }), address, async (entries, asked) => {
        const lengths = entries.map((entry) => {
          const [text = "", length = ""] = entry.split("/");
          const here = bits(text), there = bits(asked), n = Number(length);
          return here.length === there.length && here.slice(0, n) === there.slice(0, n) ? n : -1;
        });
        const rule = (await listOf(entries.join("\n"))).match({ name: "", address: asked });
        const found = rule === undefined ? -1 : parseNetwork(rule.text)?.length;
        assert.equal(found, Math.max(-1, ...lengths));
      }),
      { numRuns: 300 },
    );
  });
});
