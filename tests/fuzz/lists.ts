/** Files of whitelists, as administrators write them, and what is looked up there, as strangers choose it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { readClientList } from "../../lib/lists/clients.ts";
import type { Rule, Source } from "../../lib/lists/lines.ts";
import { describeProblem, type Found, type Reading } from "../../lib/lists/reading.ts";
import { readAddressList } from "../../lib/lists/addresses.ts";
import { readRecipientList } from "../../lib/lists/recipients.ts";
import { readSenderList } from "../../lib/lists/senders.ts";
import { finish } from "../../lib/lists/slices.ts";
import { type Kind, type Surveyable, surveyList } from "../../lib/lists/survey.ts";
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
      /^\/list:\d+: Cannot parse entry: want [ -~\u2026]+, got "[ -~]*"$/,
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

const senderLines = [
  ...recipientLines,
  ...["prvs=1234abcdef=robin@example.com", "srs0=h=tt=example.com=robin@example.org"],
];
const senders = [
  ...recipients,
  ...["prvs=1234abcdef=robin@example.com", "PRVS=robin/1234abcdef@example.com"],
  ...["btv1==abcdef012345==robin+x@example.com", "msprvs1=a1b2c3d4=robin@example.com"],
  ...[
    "SRS0=HHH=TT=example.com=robin@forwarder.example",
    "srs0+h=tt=mail.example.com=info@x.example",
  ],
  "SRS1=GGG=forwarder.example==HHH=TT=example.com=robin@second.example",
];

export const senderLists = target(
  "lists of senders",
  fc.tuple(someLines(senderLines), mutated(senders, ["prvs=1234abcdef=", "SRS0=HHH=TT="])),
  ([text, sender]) => agreesWithItsLines(readSenderList, text, sender),
);

/** Every entry has a form, and an entry that is said to do nothing can be left out. */
async function surveyIsRight<Asked>(
  kind: Kind,
  read: (
    sources: readonly Source[],
  ) => Reading<Found & { readonly list: Surveyable & { match(asked: Asked): Rule | undefined } }>,
  text: string,
  asked: Asked,
) {
  const listOf = (text: string) => finish(read([{ file: "/list", text }]));
  const { list, size, problems } = await listOf(text);
  const { forms, remarks } = surveyList(kind, list, problems);
  assert.equal([...forms.values()].reduce((sum, count) => sum + count, 0), size);
  const idle = new Set(
    remarks.filter((remark) => / says the same as | adds nothing: /.test(remark))
      .map((remark) => Number(/^\/list:(\d+): /.exec(remark)?.[1])),
  );
  const without = linesOf(text).map((line, i) => idle.has(i + 1) ? "" : line).join("\n");
  const less = (await listOf(without)).list;
  assert.equal(less.match(asked) !== undefined, list.match(asked) !== undefined);
}

export const surveys = target(
  "what check-list says of a list",
  fc.record({
    clients: someLines(clientLines),
    addresses: someLines(senderLines),
    name: mutated(names),
    address: mutated(addresses),
    sender: mutated(senders),
  }),
  async ({ clients, addresses, name, address, sender }) => {
    await surveyIsRight("clients", readClientList, clients, { name, address });
    const readAddresses = (sources: readonly Source[]) => readAddressList(sources, "+");
    for (const kind of ["senders", "recipients"] as const) {
      await surveyIsRight(kind, readAddresses, addresses, sender);
    }
  },
);
