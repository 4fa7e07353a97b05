/** SPF records, names and addresses as strangers publish them, and envelopes as they send them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { loadSpf, type SpfLookup } from "../../lib/dns/spf.ts";
import type { DnsRecord } from "../support/dns_server.ts";
import { lookupIn } from "../support/memory_dns.ts";
import { mutated, target } from "./target.ts";

const texts = [
  "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",
  "v=spf1 a mx/24 a:b.example/14 mx:c.example//32 ~all",
  "v=spf1 include:b.example include:c.example ?all",
  "v=spf1 redirect=b.example",
  "V=SPF1 INCLUDE:%{i}.b.example exists:%{l1r-}.%{d2} ptr:a.example +all",
  "v=spf1 ip4:192.0.0.0/8 ip4:0.0.0.0/1 a/0 mx//0 exp=c.example x=y -ip4:192.0.2.1",
  "v=spf1",
  "another text",
];
const terms = texts.flatMap((text) => text.split(" ").slice(1));
const names = ["a.example", "b.example", "c.example", "192.0.2.1.b.example", "*.example", "."];
const addresses = ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "192.0.2.999", "", "fe80::1%0"];

const text = fc.oneof(
  mutated(texts, terms),
  fc.array(fc.constantFrom(...terms), { maxLength: 8 }).map((terms) => `v=spf1 ${terms.join(" ")}`),
  fc.array(mutated(terms), { maxLength: 3 }).map((terms) => `v=spf1 ${terms.join(" ")}`),
);
const name = fc.constantFrom(...names.slice(0, 4));
const record: fc.Arbitrary<DnsRecord> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(name, fc.constant("TXT" as const), text) },
  fc.tuple(name, fc.constantFrom("A" as const, "AAAA" as const), mutated(addresses)),
  fc.tuple(name, fc.constant("MX" as const), mutated(names).map((host) => `10 ${host}`)),
  fc.tuple(name, fc.constantFrom("CNAME" as const, "PTR" as const), mutated(names)),
);

const mostly = (usual: string, others: readonly string[]) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, mutated([usual, ...others]));

/** Ten terms that ask, of ten hosts each, and the record itself, with one explanation. */
const mostQuestions = 1 + 10 + 100 + 1;

export const spf = target(
  "SPF",
  fc.record({
    records: fc.tuple(
      text.map((text): DnsRecord => ["a.example", "TXT", text]),
      fc.array(record, { maxLength: 12 }),
    ).map(([first, others]) => [first, ...others]),
    sender: mostly("user@a.example", ["u@B.example.", "", "a@m\xc3\xbc.example"]),
    helo: mostly("a.example", ["[192.0.2.1]", "unknown"]),
    address: mostly("192.0.2.1", addresses),
    isGeneric: fc.boolean(),
  }),
  async ({ records, ...subject }) => {
    const judge = await loadSpf();
    const known = lookupIn(records);
    let questions = 0;
    const lookup: SpfLookup = (name, type) => {
      questions++;
      return known(name, type);
    };
    const { result, isOwnPass, vouches, why } = await judge(
      subject,
      lookup,
      new AbortController().signal,
    );
    assert.ok(questions <= mostQuestions, `${questions} questions`);
    assert.match(why, /^[a-z0-9 ,\/-]+$/);
    assert.ok(!isOwnPass || result === "pass");
    if (vouches === undefined) return;
    assert.ok(isOwnPass && !subject.isGeneric, "vouches for whom it must not");
    assert.match(vouches, /^[a-z0-9_.-]+$/);
    assert.match(why, /^pass by (?:ip4|a|mx|ip6) of \/[0-9]+$/);
    // Whoever is vouched for by a record is let in by it without its terms that have macros, too.
    const withoutMacros = records.map(([name, type, ...data]): DnsRecord => [
      name,
      type,
      ...data.map((text) =>
        type === "TXT" ? text.replace(/ [^ ]*(?:%|exists|ptr)[^ ]*/gi, "") : text
      ),
    ]);
    const again = await judge(subject, lookupIn(withoutMacros), new AbortController().signal);
    assert.equal(again.vouches, vouches, "vouches only with macros");
  },
);
