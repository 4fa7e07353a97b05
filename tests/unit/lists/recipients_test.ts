import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Source } from "../../../lib/lists/lines.ts";
import { readLists } from "../../../lib/lists/read.ts";
import { readRecipientList, type RecipientList } from "../../../lib/lists/recipients.ts";
import { describeWarning } from "../../../lib/lists/reading.ts";
import { finish } from "../../../lib/lists/slices.ts";
import { filesOf } from "../../support/files.ts";

const read = (...sources: Source[]) => finish(readRecipientList(sources));

async function listOf(text: string): Promise<RecipientList> {
  const { list, problems } = await read({ file: "recipients", text });
  assert.deepEqual(problems, []);
  return list;
}

test("an extension begins with what recipient-delimiter says", async () => {
  const of = async (delimiters: string, recipient: string) => {
    const source = { file: "recipients", text: "user@example.org\nuser@\na-b@example.org" };
    const { list } = await finish(readRecipientList([source], delimiters));
    return list.match(recipient)?.text;
  };
  assert.equal(await of("-", "user-list@example.org"), "user@example.org");
  assert.equal(await of("-", "user+list@example.org"), undefined);
  assert.equal(await of("+-", "user-a+b@example.org"), "user@example.org");
  assert.equal(await of("+-", "user+a-b"), "user@");
  assert.equal(await of("-", "a-b-c@example.org"), "a-b@example.org");
  assert.equal(await of("", "user+list@example.org"), undefined);
  assert.equal(await of("", "user@example.org"), "user@example.org");

  const whitelistRecipients = [{ path: "/list", optional: false }];
  const { lists } = await readLists({
    recipientDelimiter: "-",
    whitelistRecipients,
    greylistRecipients: whitelistRecipients,
    whitelistClients: [],
    whitelistSenders: [],
    whitelistSendersSpf: [],
    autoWhitelistExcept: [],
  }, filesOf({ "/list": "user@" }));
  for (const list of [lists.recipients, lists.greylisted]) {
    assert.equal(list?.match("user-list@example.org")?.text, "user@");
    assert.equal(list?.match("user+list@example.org"), undefined);
  }
});

/** [list, recipient, the entry that matches or undefined] */
const CASES: Record<string, [string, string, string | undefined][]> = {
  "an address holds itself, whatever the case": [
    ["user@example.org", "user@example.org", "user@example.org"],
    ["User@Example.org", "uSER@eXAMPLE.org", "User@Example.org"],
    ["user@example.org", "user@mx.example.org", undefined],
    ["user@example.org", "other@example.org", undefined],
    ["user@example.org", "auser@example.org", undefined],
    ["user@example.org", "user@example.org.test", undefined],
    ["user@example.org", "user", undefined],
    ["user@[192.0.2.1]", "user@[192.0.2.1]", "user@[192.0.2.1]"],
    ["user@[IPv6:2001:db8::1]", "user@[IPv6:2001:DB8::1]", "user@[IPv6:2001:db8::1]"],
  ],
  "a user holds that user at every domain, and without one": [
    ["postmaster@", "postmaster@example.org", "postmaster@"],
    ["postmaster@", "Postmaster@mx.example.org", "postmaster@"],
    ["abuse@", "abuse", "abuse@"],
    ["abuse@", "noabuse@example.org", undefined],
    ["abuse@", "abuse.desk@example.org", undefined],
    ["abuse@", "user@abuse", undefined],
  ],
  "a domain holds its addresses and those of the domains below": [
    ["example.org", "user@example.org", "example.org"],
    ["example.org", "user@mx.example.org", "example.org"],
    ["example.org", "user@myexample.org", undefined],
    ["example.org", "user@example.org.", "example.org"],
    ["example.org.", "user@example.org", "example.org."],
    ["user@example.org.", "user@example.org", "user@example.org."],
    ["example.org", "user.example.org", undefined],
    ["example.org", "user", undefined],
    ["example.org", "", undefined],
    ["example.org", "@example.org", "example.org"],
    ["[192.0.2.1]", "user@[192.0.2.1]", "[192.0.2.1]"],
  ],
  "an extension does not matter, unless the entry has one": [
    ["user@example.org", "user+list@example.org", "user@example.org"],
    ["user@example.org", "user+a+b@example.org", "user@example.org"],
    ["user@example.org", "user+list@example.net", undefined],
    ["user@example.org", "user+@example.org", undefined],
    ["user@example.org", "use+r@example.org", undefined],
    ["user@", "user+list@example.net", "user@"],
    ["user@", "user+list", "user@"],
    ["user+list@example.org", "user+list@example.org", "user+list@example.org"],
    ["user+list@example.org", "user@example.org", undefined],
    ["user+list@example.org", "user+list+x@example.org", "user+list@example.org"],
    ["user+list@example.org", "user+other@example.org", undefined],
    ["a@\nlongest-user-of-all@", "a+b@x", "a@"],
    ["+@example.org", "+@example.org", "+@example.org"],
    ["user@example.org", "+user@example.org", undefined],
  ],
  "the domain is what follows the last @": [
    ["example.org", "a@b@example.org", "example.org"],
    ["b", "a@b@example.org", undefined],
    ["a@", "a@b@example.org", undefined],
    ["a@b@example.org", "a@b@example.org", "a@b@example.org"],
    ["a@example.org", "a+x@b@example.org", "a@example.org"],
  ],
  "bytes that are no ASCII are compared as they are": [
    [
      "us\xc3\xa9r@caf\xc3\xa9.example",
      "US\xc3\xa9R@CAF\xc3\xa9.EXAMPLE",
      "us\xc3\xa9r@caf\xc3\xa9.example",
    ],
    ["caf\xc3\xa9.example", "user@caf\xe3\xa9.example", undefined],
    ["\xe9@", "\xc9@example.org", undefined],
    ["caf\xc3\xa0@", "caf\xc3\xa0@example.org", "caf\xc3\xa0@"],
  ],
  "a domain of any language is one with its form in DNS, in any case": [
    ...["m\xc3\xbcnchen.example", "M\xc3\x9cNCHEN.example", "XN--mnchen-3ya.example"].flatMap(
      (domain): [string, string, string][] => [
        [domain, "user@xn--mnchen-3ya.example", domain],
        [domain, "user@mx.M\xc3\x9cNCHEN.example", domain],
        [`User@${domain}`, "user@xn--mnchen-3ya.example", `User@${domain}`],
        [`user@${domain}.`, "user+x@m\xc3\xbcnchen.example", `user@${domain}.`],
      ],
    ),
    ["user@m\xc3\xbcnchen.example", "user@mx.m\xc3\xbcnchen.example", undefined],
    ["m\xc3\xbcnchen@example.org", "M\xc3\x9cNCHEN@example.org", undefined],
  ],
  "a regular expression is found anywhere in the whole address": [
    ["/^info@.*\\.org$/", "INFO@mx.example.org", "/^info@.*\\.org$/"],
    ["/^info@.*\\.org$/", "info@example.net", undefined],
    ["/\\+spam@/", "user+spam@example.org", "/\\+spam@/"],
    ["/^$/", "", "/^$/"],
  ],
  "the nearest entry is named: address, user, domain, pattern": [
    ["/./\nexample.org\nuser@\nuser@example.org", "user@example.org", "user@example.org"],
    ["/./\nexample.org\nuser@", "user@example.org", "user@"],
    ["/./\nexample.org", "user@example.org", "example.org"],
    ["user@\nuser+a@example.org\nuser@example.org", "user+a@example.org", "user+a@example.org"],
  ],
};

/** [the line, a recipient of the same bytes] */
const DOUBTFUL: [string, string][] = [
  ["caf\xe9.example", "user@CAF\xe9.example"],
  ["user@caf\xe9.example", "user@caf\xe9.example"],
  ["\xe2\x80\x8dx.example", "user@\xe2\x80\x8dx.example"],
];

describe("a domain that DNS could not have", () => {
  for (const [line, recipient] of DOUBTFUL) {
    test(`${JSON.stringify(line)} is taken for its bytes, with a warning`, async () => {
      const { list, size, problems, warnings } = await read({ file: "f", text: `a@b\n${line}` });
      assert.deepEqual(problems, []);
      assert.equal(size, 2);
      assert.deepEqual(warnings.map(({ file, line }) => `${file}:${line}`), ["f:2"]);
      assert.match(describeWarning(warnings[0] ?? assert.fail()), /^f:2: ".*\\x.*" has no domain/);
      assert.equal(list.match(recipient)?.text, line);
    });
  }
});

describe("a list of recipients", () => {
  for (const [title, rows] of Object.entries(CASES)) {
    test(title, async () => {
      for (const [text, recipient, expected] of rows) {
        const rule = (await listOf(text)).match(recipient);
        assert.equal(rule?.text, expected, `${JSON.stringify(text)} with ${recipient}`);
      }
    });
  }

  test("several files add up, and a match names its file and line", async () => {
    const { list, size, problems } = await read(
      { file: "shipped", text: "# usual ones\npostmaster@\nabuse@ # RFC 2142\n" },
      { file: "local", text: "user@example.org\r\nabuse@" },
    );
    assert.deepEqual(problems, []);
    assert.equal(size, 4);
    assert.deepEqual(list.match("abuse@example.org"), { file: "shipped", line: 3, text: "abuse@" });
    assert.equal(list.match("user@example.org")?.file, "local");
  });

  test("an address of many labels, signs and pluses costs no more than a short one", async () => {
    const list = await listOf(
      `user@example.org\nexample.org\nuser@\n${"+".repeat(5000)}@example.org\n/nothing-like-it/`,
    );
    const started = performance.now();
    for (const part of ["a+", "+", "a.", ".", "@", "a@"]) {
      const long = part.repeat(500_000);
      assert.equal(list.match(`${long}@example.net`), undefined);
      assert.equal(list.match(`user+${long}@${long}.example.net`)?.text, "user@");
    }
    assert.ok(performance.now() - started < 1000);
  });
});

/** [the line, what the message has to say] */
const UNREADABLE: [string, RegExp][] = [
  ["user@example.org OK", /one entry a line/],
  ['"foo bar"@example.org', /one entry a line/],
  ["@example.org", /a domain stands alone/],
  ["*@example.org", /a domain stands alone/],
  ["*.example.org", /a domain stands alone/],
  [".example.org", /a domain stands alone/],
  ["@", /a domain stands alone/],
  ["user@.example.org", /user@domain/],
  ["user@exam/ple", /user@domain/],
  ["user@192.0.2.1", /user@domain/],
  ["192.0.2.1", /user@domain/],
  ["example..org", /user@domain/],
  ["/user@example.org", /both slashes/],
  ["/(/", /RE2/],
];

describe("a line of a list of recipients that cannot be read", () => {
  for (const [line, wanted] of UNREADABLE) {
    test(`${JSON.stringify(line)} is a problem that says what was wanted`, async () => {
      const { size, problems } = await read({ file: "f", text: `${line}\nuser@\n` });
      assert.deepEqual(problems.map(({ file, line, text }) => ({ file, line, text })), [
        { file: "f", line: 1, text: line },
      ]);
      assert.match(problems[0]?.wanted ?? "", wanted);
      assert.equal(size, 1, "the rest of the file is read");
    });
  }
});
