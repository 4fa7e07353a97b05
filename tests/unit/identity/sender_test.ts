import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { normalizeRecipientBy } from "../../../lib/identity/recipient.ts";
import { normalizeSenderFully, senderDomain } from "../../../lib/identity/sender.ts";

const context = { recipient: "piet@example.org", clientName: "unknown", delimiters: "+" };
const normalize = (sender: string, recipient = context.recipient) =>
  normalizeSenderFully(sender, { ...context, recipient }).replaceAll("\0", "#");

const senders: [what: string, sender: string, normalized: string][] = [
  ["the null sender stays empty", "", ""],
  ["capitals become small, other bytes stay", "M\xc3\x84x@F.Example", "m\xc3\x84x@f.example"],
  ["an extension is taken out", "max+news@f.example", "max@f.example"],
  ["an extension of nothing is none", "+news@f.example", "+news@f.example"],
  ["a tag of BATV", "prvs=1234abcdef=max@f.example", "max@f.example"],
  ["a tag of BATV, behind", "PRVS=max=1234ABCDEF@f.example", "max@f.example"],
  ["a tag of Sendmail's BATV", "prvs=max/1234abcdef@f.example", "max@f.example"],
  ["a tag of Barracuda's BATV", "btv1==33cb9bfe7==max@f.example", "max@f.example"],
  ["a tag of SparkPost's BATV", "msprvs1=18649boHBixmv=max@f.example", "max@f.example"],
  ["what only looks like BATV", "prvs=team=max@f.example", "prvs=team=max@f.example"],
  ["SRS0", "SRS0=KHrT=YY=bank.example=max@f.example", "srs0=##=bank.example=max@f.example"],
  ["SRS0 with -", "SRS0-KH+T=YY=bank.example=max@f.example", "srs0=##=bank.example=max@f.example"],
  [
    "SRS1",
    "SRS1=ab12=hop.example==KHrT=YY=bank.example=max@f.example",
    "srs1=hop.example==##=bank.example=max@f.example",
  ],
  [
    "SRS1 around SRS0 with +",
    "SRS1+ab12=hop.example=+KHrT=YY=bank.example=max@f.example",
    "srs1=hop.example==##=bank.example=max@f.example",
  ],
  [
    "SRS around BATV around VERP",
    "SRS0=KHrT=YY=bank.example=prvs=1234abcdef=news-piet=example.org@f.example",
    "srs0=##=bank.example=news-#@f.example",
  ],
  [
    "BATV around SRS",
    "prvs=1234abcdef=SRS0=KHrT=YY=b.example=max@f.example",
    "srs0=##=b.example=max@f.example",
  ],
  ["BATV twice", "prvs=1234abcdef=prvs=2345abcdef=max@f.example", "max@f.example"],
  [
    "the domain inside SRS",
    "SRS0=KHrT=YY=mail29.bank.example=max@f.example",
    "srs0=##=#.bank.example=max@f.example",
  ],
  ["the recipient with =", "news-piet=example.org@f.example", "news-#@f.example"],
  ["the recipient with ===", "news-piet===example.org@f.example", "news-#@f.example"],
  ["the recipient with =40", "news-piet=40example.org@f.example", "news-#@f.example"],
  [
    "the recipient as LISTSERV has it",
    "owner-l*piet**EXAMPLE*-ORG@f.example",
    "owner-l*#@f.example",
  ],
  ["the recipient with _", "news_piet_example.org@f.example", "news_#@f.example"],
  ["the recipient in the extension", "news+piet=example.org@f.example", "news@f.example"],
  [
    "somebody whose name ends like the recipient's",
    "apiet=example.org@f.example",
    "apiet=example.org@f.example",
  ],
  ["the recipient's name alone", "news-piet@f.example", "news-piet@f.example"],
  ["a UUID", "a-e14db069-9202-4bd9-8872-129b6f237adc@f.example", "a-#@f.example"],
  ["a number that is a piece", "bounce-12-345@f.example", "bounce-#@f.example"],
  ["four digits within a piece", "md10612303@f.example", "md#@f.example"],
  ["three digits within a piece", "raum101@f.example", "raum101@f.example"],
  ["hexadecimal digits", "a.9a9b4ddb@f.example", "a.#@f.example"],
  ["hexadecimal letters only", "a.deadbeef@f.example", "a.deadbeef@f.example"],
  ["seven hexadecimal digits", "bounce-914c0f8@f.example", "bounce-#@f.example"],
  ["letters and digits mixed", "s-zia1fu55w@f.example", "s-#@f.example"],
  ["a name with two digits at its end", "hausmeister12@f.example", "hausmeister12@f.example"],
  ["a short piece beside a long token", "3g2-74752e8e5f398b1360aff9a1@f.example", "#@f.example"],
  ["a short piece beside a number", "r2d2-4711@f.example", "r2d2-#@f.example"],
  ["labels with a digit", "max@mail29.atl98.rsgsv.example", "max@#.rsgsv.example"],
  ["a label without one between", "max@s7.bounce.s8.f.example", "max@#.bounce.#.f.example"],
  ["a digit in the registrable domain", "max@firma24.co.uk", "max@firma24.co.uk"],
  ["an address literal", "max@[192.0.2.1]", "max@[192.0.2.1]"],
  ["no domain", "mailer-daemon", "mailer-daemon"],
];
for (const [what, sender, normalized] of senders) {
  test(`${what}: "${sender}" is "${normalized}"`, () =>
    assert.equal(normalize(sender), normalized));
}

test("the recipient inside is found with its extension and without", () => {
  const recipient = "Piet+list@Example.org";
  assert.equal(normalize("news-piet=example.org@f.example", recipient), "news-#@f.example");
  assert.equal(normalize("news-piet+list=example.org@f.example", recipient), "news-#@f.example");
});

test("labels of the very host that sends are no part of the sender", () => {
  const sender = "max@snail.cherry.f.example";
  const clientName = "Snail.cherry.f.example";
  assert.equal(normalizeSenderFully(sender, { ...context, clientName }), "max@\0.f.example");
  assert.equal(
    normalizeSenderFully(sender, { ...context, clientName: "bee.cherry.f.example" }),
    sender,
  );
});

test("a sender with thousands of tags is normalised at once", () => {
  const tags = "SRS0=KHrT=YY=b.example=".repeat(20_000);
  const started = performance.now();
  assert.ok(normalize(`${tags}max@f.example`).length < 300);
  assert.ok(performance.now() - started < 2000);
});

// Senders that are made of what the rules look for.
const piece = fc.oneof(
  fc.constantFrom(
    ...[
      "prvs=",
      "1234abcdef",
      "=",
      "/",
      "btv1==",
      "33cb9bfe7",
      "==",
      "msprvs1=",
      "SRS0=",
      "SRS1=",
      "srs0+",
    ],
    ...[
      "KHrT=",
      "YY=",
      "b.example",
      "piet=example.org",
      "piet",
      "example.org",
      "+",
      "-",
      ".",
      "_",
      "*",
      "**",
    ],
    ...[
      "e14db069-9202-4bd9-8872-129b6f237adc",
      "abc",
      "4711",
      "9a9b4ddb",
      "zia1fu55w",
      "3g2",
      "a1",
      "mail29",
    ],
  ),
  fc.string({ unit: fc.constantFrom(..."abz019=-+./"), maxLength: 12 }),
  fc.string({ maxLength: 4 }),
);
const local = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
const domain = fc.constantFrom(
  "",
  "@f.example",
  "@a1.b.f.example",
  "@co.uk",
  "@x.[1",
  "@a..b",
  "@1.2.3.4",
);
const anySender = fc.tuple(local, domain).map((parts) => parts.join(""));

test("normalising twice is normalising once", () => {
  const property = fc.property(anySender, fc.constantFrom("f.example", "a1.b.f.example"), (
    sender,
    clientName,
  ) => {
    const once = normalizeSenderFully(sender, { ...context, clientName });
    assert.equal(normalizeSenderFully(once, { ...context, clientName }), once);
  });
  fc.assert(property, { numRuns: 20_000 });
});

test("no two senders of letters only become one", () => {
  const word = fc.string({ unit: fc.constantFrom(..."abcdefz"), minLength: 1, maxLength: 12 });
  const letters = fc.tuple(fc.array(word, { minLength: 1, maxLength: 4 }), word).map(
    ([names, host]) => `${names.join(".")}@${host}.f.example`,
  );
  const property = fc.property(
    letters,
    letters,
    fc.oneof(letters, fc.constant("")),
    (a, b, recipient) => {
      assert.equal(normalize(a, recipient) === normalize(b, recipient), a === b);
      assert.equal(normalize(a, recipient), a);
    },
  );
  fc.assert(property, { numRuns: 2000 });
});

const domains: [sender: string, domain: string | undefined][] = [
  ["max@Mail.Firma.Example", "firma.example"],
  ["max@firma.co.uk", "firma.co.uk"],
  ["max@tenant.github.io", "tenant.github.io"],
  ["max@firma.example.", "firma.example"],
  ["", undefined],
  ["max", undefined],
  ["max@", undefined],
  ["max@localhost", undefined],
  ["max@co.uk", undefined],
  ["max@[192.0.2.1]", undefined],
  ["max@192.0.2.1", undefined],
  ["max@[IPv6:2001:db8::1]", undefined],
  ["max@firma..example", undefined],
];
for (const [sender, domain] of domains) {
  test(`the domain of "${sender}" is ${domain ?? "none"}`, () => {
    assert.equal(senderDomain(sender), domain);
  });
}

const recipients: [recipient: string, delimiters: string, normalized: string][] = [
  ["Piet+list@Example.org", "+", "piet@example.org"],
  ["piet+list@example.org", "", "piet+list@example.org"],
  ["piet-a+b@example.org", "+-", "piet@example.org"],
  ["piet+a-b@example.org", "+-", "piet@example.org"],
  ["piet-a+b@example.org", "+", "piet-a@example.org"],
  ["+list@example.org", "+", "+list@example.org"],
  ["-a+list@example.org", "+-", "-a+list@example.org"],
  ["piet=list@example.org", "=", "piet@example.org"],
  ["piet", "+", "piet"],
  ["", "+", ""],
];
for (const [recipient, delimiters, normalized] of recipients) {
  test(`with delimiters "${delimiters}", ${recipient} is ${normalized}`, () => {
    assert.equal(normalizeRecipientBy(recipient, delimiters), normalized);
  });
}
