import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readSenderList } from "../../../lib/lists/senders.ts";
import { finish } from "../../../lib/lists/slices.ts";

async function match(text: string, sender: string): Promise<string | undefined> {
  const { list, problems } = await finish(readSenderList([{ file: "senders", text }]));
  assert.deepEqual(problems, []);
  return list.match(sender)?.text;
}

/** [list, sender, the entry that matches or undefined] */
const CASES: Record<string, [string, string, string | undefined][]> = {
  "an address, a user, a domain and a regular expression hold what they hold of recipients": [
    ["user@example.org", "User@Example.ORG", "user@example.org"],
    ["User@Example.ORG", "user@example.org", "User@Example.ORG"],
    ["user@example.org", "user@mx.example.org", undefined],
    ["example.org", "user@mx.example.org", "example.org"],
    ["example.org", "user@myexample.org", undefined],
    ["user@", "USER@example.net", "user@"],
    ["/^news-\\d+@example\\.org$/", "NEWS-7@example.org", "/^news-\\d+@example\\.org$/"],
    ["user@[192.0.2.1]", "user@[192.0.2.1]", "user@[192.0.2.1]"],
  ],
  "a domain of any language is one with its form in DNS": [
    ["m\xc3\xbcnchen.example", "user@xn--mnchen-3ya.example", "m\xc3\xbcnchen.example"],
    ["XN--mnchen-3ya.example", "user@M\xc3\x9cNCHEN.example", "XN--mnchen-3ya.example"],
    ["user@m\xc3\xbcnchen.example", "user@xn--mnchen-3ya.example", "user@m\xc3\xbcnchen.example"],
  ],
  "an extension does not matter, unless the entry has one": [
    ["user@example.org", "user+anything@example.org", "user@example.org"],
    ["user+list@example.org", "user+list@example.org", "user+list@example.org"],
    ["user+list@example.org", "user@example.org", undefined],
  ],
  "the tags of BATV are taken off": [
    ["user@example.org", "prvs=1234abcdef=user@example.org", "user@example.org"],
    ["user@example.org", "PRVS=user/1234ABCDEF@example.org", "user@example.org"],
    ["user@example.org", "btv1==abcdef012345==user+x@example.org", "user@example.org"],
    ["user@", "msprvs1=a1b2c3d4=user@example.org", "user@"],
    ["/^user@/", "prvs=1234abcdef=user@example.org", "/^user@/"],
    ["user@example.org", "prvs=somebody=user@example.org", undefined],
  ],
  "of SRS the forwarder counts, and whom the mail was forwarded for": [
    ["user@example.org", "SRS0=HHH=TT=example.org=user@forwarder.example", "user@example.org"],
    ["example.org", "SRS0=HHH=TT=mx.example.org=user@forwarder.example", "example.org"],
    ["forwarder.example", "SRS0=HHH=TT=example.org=user@forwarder.example", "forwarder.example"],
    ["user@example.org", "srs0+hhh=tt=example.org=user+x@forwarder.example", "user@example.org"],
    [
      "user@example.org",
      "SRS1=GGG=forwarder.example==HHH=TT=example.org=user@second.example",
      "user@example.org",
    ],
    ["user@", "SRS0=HHH=TT=example.org=user@forwarder.example", "user@"],
    ["user@forwarder.example", "SRS0=HHH=TT=example.org=user@forwarder.example", undefined],
  ],
  "tags within tags are taken off": [
    [
      "user@example.org",
      "prvs=1234abcdef=SRS0=HHH=TT=example.org=prvs=1234abcdef=user@forwarder.example",
      "user@example.org",
    ],
  ],
  "an entry with a tag means that very sender": [
    [
      "prvs=1234abcdef=user@example.org",
      "PRVS=1234ABCDEF=user@example.org",
      "prvs=1234abcdef=user@example.org",
    ],
    ["prvs=1234abcdef=user@example.org", "user@example.org", undefined],
  ],
  "the sender as written comes first": [
    [
      "user@example.org\nforwarder.example",
      "SRS0=HHH=TT=example.org=user@forwarder.example",
      "forwarder.example",
    ],
  ],
  "the null sender is in no list but by a pattern": [
    ["user@example.org\nexample.org\nuser@", "", undefined],
    ["/^$/", "", "/^$/"],
  ],
};

describe("a list of senders", () => {
  for (const [title, rows] of Object.entries(CASES)) {
    test(title, async () => {
      for (const [text, sender, expected] of rows) {
        assert.equal(await match(text, sender), expected, `${JSON.stringify(text)}, ${sender}`);
      }
    });
  }

  test("a match names its file and line", async () => {
    const { list } = await finish(readSenderList([{ file: "a", text: "# yours\nuser@\n" }]));
    const rule = { file: "a", line: 2, text: "user@" };
    assert.deepEqual(list.match("user@example.org"), rule);
    assert.deepEqual(list.match("prvs=1234abcdef=user@example.org"), rule);
  });

  test("thousands of tags cost no more than a few", async () => {
    const { list } = await finish(readSenderList([{ file: "a", text: "user@example.org" }]));
    const began = performance.now();
    for (const tag of ["prvs=1234abcdef=", "srs0=h=tt=a.example="]) {
      assert.equal(list.match(`${tag.repeat(50_000)}user@example.org`), undefined);
    }
    assert.ok(performance.now() - began < 1000);
  });

  test("a client in it is a problem that names the list where it belongs", async () => {
    for (const entry of ["192.0.2.1", "192.0.2.0/24", "192.0.2", "2001:db8::1", "2001:db8::/32"]) {
      const { problems } = await finish(readSenderList([{ file: "a", text: entry }]));
      assert.match(problems[0]?.wanted ?? "", /list of clients \(whitelist-clients\)/, entry);
    }
  });
});
