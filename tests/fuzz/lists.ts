/** Files of whitelists, as administrators write them, and what is looked up there, as strangers choose it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { readClientList } from "../../lib/lists/clients.ts";
import type { Rule, Source } from "../../lib/lists/lines.ts";
import { describeProblem, type Found, type Reading } from "../../lib/lists/reading.ts";
import { readRecipientList } from "../../lib/lists/recipients.ts";
import { finish } from "../../lib/lists/slices.ts";
import { file, mutated, target } from "./target.ts";

type Reader<Asked> = (
  sources: readonly Source[],
) => Reading<Found & { readonly list: { match(asked: Asked): Rule | undefined } }>;

const linesOf = (text: string) => text.split("\n");

/** A list of all the lines knows what the lists of one line each know, and every line counts once. */
async function agreesWithItsLines<Asked>(read: Reader<Asked>, text: string, asked: Asked) {
  const listOf = (text: string) => finish(read([{ file: "/list", text }]));
  const { list, size, problems } = await listOf(text);
  const entries = linesOf(text.replace(/^\xef\xbb\xbf/, ""))
    .map((line) => line.replace(/#.*/s, "")).filter((line) => /[^ \t\v\f\r]/.test(line));
  assert.equal(size + problems.length, entries.length);
  for (const problem of problems) {
    assert.match(
      describeProblem(problem),
      /^Cannot read \/list:\d+: "[ -~]*", wanted [ -~\u2026]+$/,
    );
  }
  const found = list.match(asked);
  const alone: string[] = [];
  for (const entry of entries) {
    if ((await listOf(entry)).list.match(asked) !== undefined) alone.push(entry);
  }
  assert.equal(found !== undefined, alone.length > 0, "the list and its lines disagree");
  if (found !== undefined) assert.ok(alone.some((entry) => entry.trim() === found.text));
}

/** A few lines of `corpus`, changed. */
const someLines = (corpus: readonly string[]) =>
  fc.array(fc.oneof(mutated(corpus), fc.constantFrom(...corpus)), { maxLength: 5 })
    .map((lines) => lines.join("\n"));

const clientLines = [
  ...linesOf(file("postfix/whitelist_clients")).filter((line) => /^[^#]/.test(line)),
  ...["192.0.2.1", "192.0.2.0/24", "192.0.2", "192.0", "2001:db8::1", "2001:db8::/32"],
  ...["::ffff:192.0.2.0/120", "/^mx\\d+\\.example/", "/\\.example\\.org$/", "unknown"],
  ...["xn--mnchen-3ya.example", "m\xc3\xbcnchen.example", "example.org. # final dot"],
];
const names = [
  ...["mx.example.org", "example.org.", "mail-wr1-x429.google.com", "unknown", "mx1.example"],
  ...["xn--mnchen-3ya.example", "mx.XN--MNCHEN-3YA.example", ""],
];
const addresses = ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "198.51.100.9", "unknown"];

export const clientLists = target(
  "lists of clients",
  fc.record({ text: someLines(clientLines), name: mutated(names), address: mutated(addresses) }),
  ({ text, name, address }) => agreesWithItsLines(readClientList, text, { name, address }),
);

const recipientLines = [
  ...linesOf(file("postfix/whitelist_recipients")).filter((line) => /^[^#]/.test(line)),
  ...["example.com", "robin@example.com", "robin+x@example.com", "postmaster@", "abuse@"],
  ...["/^info@.*\\.org$/", "robin@[192.0.2.1]", "m\xc3\xbcnchen.example", "a@b@example.com"],
];
const recipients = [
  ...["robin@example.com", "Robin+x+y@Example.COM.", "postmaster", "postmaster@mail.example.com"],
  ...["info@example.org", "robin@[192.0.2.1]", '"a@b"@example.com', "x@m\xc3\xbcnchen.example", ""],
];

export const recipientLists = target(
  "lists of recipients",
  fc.tuple(someLines(recipientLines), mutated(recipients)),
  ([text, recipient]) => agreesWithItsLines(readRecipientList, text, recipient),
);
