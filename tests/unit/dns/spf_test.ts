import assert from "node:assert/strict";
import { test } from "node:test";
import { loadSpf, type SpfLookup, type SpfSubject } from "../../../lib/dns/spf.ts";
import { dnsError, lookupIn } from "../../support/memory_dns.ts";
import { expectedOf, spfCases, subjectOf } from "../../support/spf_cases.ts";

const judge = await loadSpf();
const untilTheEnd = () => new AbortController().signal;
const subject: SpfSubject = {
  address: "192.0.2.1",
  isGeneric: false,
  sender: "user@firma.example",
  helo: "mx.firma.example",
};

for (const one of spfCases) {
  test(`SPF: ${one.title}: ${one.result}${one.vouches === undefined ? "" : ", and vouches"}`, async () => {
    const got = await judge(subjectOf(one), lookupIn(one.records), untilTheEnd());
    assert.deepEqual(got, expectedOf(one, got));
  });
}

for (const code of ["ETIMEOUT", "ESERVFAIL", "EREFUSED", "ECONNREFUSED", "EBADRESP", "UNKNOWN"]) {
  test(`a name server that fails with ${code} is temperror, wherever on the way`, async () => {
    const failing = (what: string): SpfLookup => async (name, type) => {
      if (`${type} ${name}` === what) throw dnsError(code);
      return await lookupIn([
        ["firma.example", "TXT", "v=spf1 include:in.firma.example -all"],
        ["in.firma.example", "TXT", "v=spf1 mx -all"],
        ["in.firma.example", "MX", "10 mx.firma.example"],
        ["mx.firma.example", "A", "192.0.2.1"],
      ])(name, type);
    };
    const verdict = async (what: string) =>
      (await judge(subject, failing(what), untilTheEnd())).result;
    assert.equal(await verdict("nothing"), "pass");
    for (
      const what of [
        "TXT firma.example",
        "TXT in.firma.example",
        "MX in.firma.example",
        "A mx.firma.example",
      ]
    ) {
      assert.equal(await verdict(what), "temperror", what);
    }
  });
}

test("a lookup that rejects with anything, or throws, is temperror", async () => {
  for (const thrown of [undefined, "text", null, 7, { code: 5 }, new TypeError("no")]) {
    const rejecting: SpfLookup = () => Promise.reject(thrown);
    assert.equal((await judge(subject, rejecting, untilTheEnd())).result, "temperror");
    const throwing: SpfLookup = () => {
      throw thrown;
    };
    assert.equal((await judge(subject, throwing, untilTheEnd())).result, "temperror");
  }
});

test("the signal ends it at once, and nothing is asked any more", async () => {
  const asked: string[] = [];
  const ending = new AbortController();
  const late = Promise.withResolvers<string[][]>();
  const lookup: SpfLookup = (name) => {
    asked.push(name);
    ending.abort();
    return late.promise;
  };
  const verdict = await judge(subject, lookup, ending.signal);
  assert.deepEqual(verdict, {
    result: "temperror",
    isOwnPass: false,
    vouches: undefined,
    why: "no answer in time",
  });
  late.resolve([["v=spf1 a include:in.firma.example -all"]]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(asked, ["firma.example"]);
  const again = await judge(subject, lookup, ending.signal);
  assert.equal(again.why, "no answer in time");
  assert.deepEqual(asked, ["firma.example"], "asked, although there was no time from the start");
});

test("a private address, and a sender without a domain, ask nothing", async () => {
  const lookup: SpfLookup = (name) => {
    throw new Error(`asked for ${name}`);
  };
  for (const address of ["10.1.2.3", "fd00::1", "127.0.0.1", "unknown", ""]) {
    const verdict = await judge({ ...subject, address }, lookup, untilTheEnd());
    assert.equal(verdict.why, "a private address");
  }
  for (const sender of ["root", "a@[192.0.2.1]"]) {
    const verdict = await judge({ ...subject, sender }, lookup, untilTheEnd());
    assert.equal(verdict.why, "no domain to ask about");
  }
});

test("a sender that is spelled like a macro does not make it a name", async () => {
  const sender = "%{l}@firma.example";
  for (const term of ["a:%{l}.firma.example", "redirect=%{l}.firma.example"]) {
    const lookup = lookupIn([
      ["firma.example", "TXT", `v=spf1 ${term}`],
      ["%{l}.firma.example", "TXT", "v=spf1 ip4:192.0.2.1"],
      ["%{l}.firma.example", "A", "192.0.2.1"],
    ]);
    const { result, vouches } = await judge({ ...subject, sender }, lookup, untilTheEnd());
    assert.deepEqual({ result, vouches }, { result: "pass", vouches: undefined }, term);
  }
});

test("aliases that lead to each other have no record", async () => {
  const lookup = lookupIn([["firma.example", "CNAME", "b.example"], [
    "b.example",
    "CNAME",
    "firma.example",
  ]]);
  assert.equal((await judge(subject, lookup, untilTheEnd())).result, "none");
});

test("nothing of what strangers write is in what people are told", async () => {
  const record = "v=spf1 a:evil.example include:evil.example exists:%{i}.evil.example foo=evil ";
  for (
    const end of ["-all", "ip4:192.0.2.1", "+all", "evil", "redirect=evil.example", "mx:/evil"]
  ) {
    const lookup = lookupIn([["firma.example", "TXT", record + end], [
      "evil.example",
      "TXT",
      "evil",
    ], ["evil.example", "A", "192.0.2.9"]]);
    const { why } = await judge(subject, lookup, untilTheEnd());
    assert.doesNotMatch(why, /evil/);
  }
});
