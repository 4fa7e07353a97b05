import assert from "node:assert/strict";
import { test } from "node:test";
import { subjectsWith } from "../../../lib/identity/subject.ts";
import { correspondentsWith } from "../../../lib/identity/correspondents.ts";
import {
  endLine,
  entryLine,
  headLine,
  OwnLines,
  tripletKeyLength,
} from "../../../lib/moves/own_lines.ts";
import { importing } from "../../support/importing.ts";

const { subjects } = importing;
const secret = new TextEncoder().encode("0123456789abcdef");

function read(lines: readonly (string | undefined)[], keying = subjects) {
  const reader = new OwnLines(keying);
  const found = lines.map((line) => reader.take(line)).filter((one) => one !== undefined);
  reader.end();
  return found.map((finding) => {
    if (!("item" in finding)) return finding;
    const { key, form, record } = finding.item;
    return { key, text: form.encode(record) };
  });
}

const subject = subjectsWith(subjects)({
  name: "unknown",
  address: "192.0.2.1",
  sender: "a@x.example",
  recipient: "r@d.example",
});
assert.ok(subject !== undefined);
const { keys, releaseTriplet, releaseClient } = subject;
const pair = correspondentsWith(subjects).pairKey("a@x.example", "r@d.example");

/** One of each kind, under a key of its kind. */
const entries = ([
  [keys.senders[0], "s1 1 2 3"],
  [keys.triplets[0], "t1 w 1 3"],
  [keys.domain, `d1 2 3 ${keys.senderHash}`],
  [keys.client, "c1 1 1 1 1 2 3"],
  [pair, "w1 2 3"],
  [releaseTriplet, "p 1 2"],
  [releaseClient, "c 1 2"],
] as const).map(([key = "", text]) => ({ key, text }));

test("what was exported comes back, without the blanks that Memcached needs", () => {
  const lines = entries.map(({ key, text }) => entryLine(key, `${text}   `));
  assert.deepEqual(read([headLine(subjects), ...lines, endLine(lines.length)]), entries);
});

test("under a key of one kind nothing of another is taken, least of all under those of 0.1.0", () => {
  for (const { key } of entries) {
    for (const { key: other, text } of entries) {
      const ofRelease = [releaseTriplet, releaseClient];
      if (key === other || (ofRelease.includes(key) && ofRelease.includes(other))) continue;
      assert.deepEqual(read([headLine(subjects), entryLine(key, text), endLine(1)]), [
        { where: "line 2", bad: "no record of this release" },
      ]);
    }
  }
});

test("another prefix, secret or format is refused at the first line, which says what is there", () => {
  const withSecret = { ...subjects, secret };
  const other = { ...subjects, secret: new TextEncoder().encode("fedcba9876543210") };
  const refused = (head: string, keying: typeof subjects, wanted: RegExp) =>
    assert.throws(() => new OwnLines(keying).take(head), wanted);
  refused(
    headLine({ keyPrefix: "q:" }),
    subjects,
    /line 1: key-prefix is "q:" there, and "p:" here/,
  );
  refused(headLine(withSecret), subjects, /there was a key-secret-file there, and there is none/);
  refused(headLine(subjects), withSecret, /there was no key-secret-file there, and there is one/);
  refused(headLine(other), withSecret, /key-secret-file holds another secret here/);
  refused(`{"greylist":"9.0","format":2}`, subjects, /format 2 of greylist 9\.0, want format 1/);
  assert.doesNotThrow(() => new OwnLines(withSecret).take(headLine(withSecret)));
  assert.ok(!headLine(withSecret).includes("0123456789abcdef"));
});

test("what is no export is refused, and one that was cut off is told", () => {
  assert.throws(() => read([]), /it is empty/);
  for (const line of ["", "VERSION=3", "{", "[]", "null", `{"key":"a","record":"b"}`, undefined]) {
    assert.throws(() => read([line]), /line 1: want what `greylist export` prints/);
  }
  assert.throws(() => read([headLine(subjects)]), /line 1: .*cut off/);
  const [line = ""] = entries.map(({ key, text }) => entryLine(key, text));
  assert.throws(() => read([headLine(subjects), line]), /line 2: .*cut off/);
});

test("lines that are no entry are told by their number, and the others are read", () => {
  const [entry = { key: "", text: "" }] = entries;
  const line = entryLine(entry.key, entry.text);
  const want = `want {"key":"…","record":"…"}`;
  assert.deepEqual(
    read([headLine(subjects), "{", undefined, `{"key":1}`, line, endLine(9), line]),
    [
      { where: "line 2", bad: want },
      { where: "line 3", bad: "too long" },
      { where: "line 4", bad: want },
      entry,
      { where: "line 6", bad: "9 entries should be before it, and 4 are" },
      { where: "line 7", bad: "behind the end" },
    ],
  );
});

test("the length of a triplet's key is that of one", () => {
  assert.equal(tripletKeyLength(subjects), keys.triplets[0]?.length);
});
