import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readAddressList } from "../../../lib/lists/addresses.ts";
import { readClientList } from "../../../lib/lists/clients.ts";
import { finish } from "../../../lib/lists/slices.ts";
import { type Kind, surveyList } from "../../../lib/lists/survey.ts";

async function survey(kind: Kind, text: string, delimiters = "+") {
  const sources = [{ file: "f", text }];
  const { list, problems } = kind === "clients"
    ? await finish(readClientList(sources))
    : await finish(readAddressList(sources, delimiters));
  return surveyList(kind, list, problems);
}

/** [kind of list, entries, what is said of them: a line, and how the remark begins] */
const CASES: Record<string, [Kind, string, string[]][]> = {
  "a name is the same in any case, with a dot at its end, and in DNS's spelling": [
    ["clients", "example.org\nEXAMPLE.org.", ["2 says the same as f:1"]],
    ["clients", "m\xc3\xbcnchen.example\nxn--mnchen-3ya.example", ["2 says the same as f:1"]],
    ["clients", "example.org\nexample.net", []],
    ["recipients", "example.org\nexample.ORG", ["2 says the same as f:1"]],
  ],
  "a name stands below the nearest one that holds it, wherever that is": [
    ["clients", "a.example.org\nexample.org", ["1 adds nothing: it stands below f:2"]],
    ["clients", "org\nexample.org\na.b.example.org", [
      "2 adds nothing: it stands below f:1",
      "3 adds nothing: it stands below f:2",
    ]],
    ["clients", "example.org\nmyexample.org", []],
    ["senders", "example.org\na.example.org", ["2 adds nothing: it stands below f:1"]],
  ],
  "of networks the length counts, and the way of writing does not": [
    ["clients", "192.0.2\n192.0.2.0/24\n192.0.2.77/24", [
      "2 says the same as f:1",
      "3 says the same as f:1",
    ]],
    ["clients", "192.0.2.1\n192.0\n192.0.2", [
      "1 adds nothing: it stands below f:3",
      "3 adds nothing: it stands below f:2",
    ]],
    ["clients", "::ffff:192.0.2.1\n192.0.2.1", ["2 says the same as f:1"]],
    ["clients", "2001:db8::/32\n2001:DB8:0:1::/64", ["2 adds nothing: it stands below f:1"]],
    ["clients", "0.0.0.0/0\n::/0\n::1", ["3 adds nothing: it stands below f:2"]],
  ],
  "an address stands below its user, its domain, and itself without its extension": [
    ["senders", "user@example.org\nuser@", ["1 adds nothing: it stands below f:2"]],
    ["senders", "user@mx.example.org\nexample.org", ["1 adds nothing: it stands below f:2"]],
    ["senders", "user+x@example.org\nuser@example.org", ["1 adds nothing: it stands below f:2"]],
    ["senders", "user+x@\nuser@", ["1 adds nothing: it stands below f:2"]],
    ["senders", "user@\nuser@example.org\nuser@", [
      "2 adds nothing: it stands below f:1",
      "3 says the same as f:1",
    ]],
    ["senders", "user@example.org\nuser@example.net\nother@example.org", []],
    ["senders", "user@example.org\nexample.net\nuserx@", []],
  ],
  "a pattern is only compared with itself": [
    ["clients", "/a/\n/a/\n/A/\n/b/\na.example", ["2 says the same as f:1"]],
    ["senders", "/\\d/\n/\\D/", []],
  ],
  "what no client, and no sender, can be never matches": [
    ...["224.0.0.1", "239.0.0.0/8", "224.0.0.0/3", "255.255.255.255", "0.0.0.0", "0.0.0.0/8"].map(
      (
        entry,
      ): [Kind, string, string[]] => ["clients", entry, ["1 never matches: no client connects"]],
    ),
    ["clients", "ff02::1\n::", [
      "1 never matches: no client connects",
      "2 never matches: no client connects",
    ]],
    ["clients", "223.255.255.255\n1.0.0.0/8\nfe00::1\n::1", []],
    ["clients", "0.0.0.0/0\n::/0", []],
    ["clients", "/@example\\.org$/", ["1 never matches: no client's name has an @"]],
    ["clients", "/[@.]x/\n/\\.x|@x/\n/@?x/\n/(?:a@)?x/\n/@*x/\n/x{0}@{0,1}y/", []],
    ["senders", "/@example\\.org$/\n/^@example/", ["2 never matches: no address begins with an @"]],
    ["senders", "prvs=1234abcdef=a@example.org", ["1 never matches: a tag of BATV or SRS"]],
    ["senders", "SRS0=h=tt=example.org=a@example.net", ["1 never matches: a tag of BATV or SRS"]],
    ["recipients", "prvs=1234abcdef=a@example.org", []],
  ],
};

describe("of a list is said", () => {
  for (const [title, rows] of Object.entries(CASES)) {
    test(title, async () => {
      for (const [kind, text, expected] of rows) {
        const { remarks } = await survey(kind, text);
        const short = remarks.map((remark) => remark.replace(/^f:(\d+): ".*?" (?!$)/, "$1 "));
        assert.equal(short.length, expected.length, `${text}\n${short.join("\n")}`);
        expected.forEach((begin, i) =>
          assert.ok(short[i]?.startsWith(begin), `${text}\n${short[i]}`)
        );
      }
    });
  }

  test("how many entries of which form it has, those left out that cannot be read", async () => {
    const { forms } = await survey(
      "senders",
      "a@b\n\n# none\n@x\nc@\nd.example\n/e/\n/f/\n/(/\ng@h",
    );
    assert.deepEqual(Object.fromEntries(forms), {
      addresses: 2,
      users: 1,
      domains: 1,
      patterns: 2,
    });
  });

  test("what it is in a time that grows with its length, not with the square of it", async () => {
    const text = Array.from(
      { length: 50_000 },
      (_, n) => `user${n}@example.org\nmx${n}.example.org`,
    );
    const began = performance.now();
    const { remarks } = await survey("senders", text.join("\n"));
    assert.deepEqual(remarks, []);
    assert.ok(performance.now() - began < 10_000);
  });
});
