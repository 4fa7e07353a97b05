/** SPF as a real name server answers it: the cases of tests/dns again, and what only a server can do. */
import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import process from "node:process";
import { test } from "node:test";
import { loadSpf, type SpfLookup } from "../../lib/dns/spf.ts";
import { type DnsServer, startDnsServer } from "../support/dns_server.ts";
import { expectedOf, spfCases, subjectOf } from "../support/spf_cases.ts";

function lookupAt({ server }: DnsServer): SpfLookup {
  const resolver = new Resolver({ timeout: 5000, tries: 2 });
  resolver.setServers([server]);
  return async (name, type) => {
    const answer = await resolver.resolve(name, type);
    return answer as Awaited<ReturnType<SpfLookup>>;
  };
}

const untilTheEnd = () => new AbortController().signal;
const subject = {
  address: "192.0.2.1",
  isGeneric: false,
  sender: "user@firma.example",
  helo: "mx.firma.example",
};

// Bun's resolver takes each string of a TXT record for a record of its own.
const skip = process.versions["bun"] !== undefined;

test("each case is judged with a name server as it is in memory", { skip }, async (t) => {
  const server = await startDnsServer(t, spfCases.flatMap(({ records }) => records));
  const lookup = lookupAt(server), judge = await loadSpf();
  for (const one of spfCases) {
    const got = await judge(subjectOf(one), lookup, untilTheEnd());
    assert.deepEqual(got, expectedOf(one, got), one.title);
  }
});

test("no question is asked that the RFC does not allow", async (t) => {
  const judge = await loadSpf();
  const server = await startDnsServer(t, [
    ["firma.example", "TXT", `v=spf1 ${"include:in.firma.example ".repeat(30)}-all`],
    ["in.firma.example", "TXT", "v=spf1 include:%{i}.firma.example include:firma.example -all"],
  ]);
  const verdict = await judge(subject, lookupAt(server), untilTheEnd());
  assert.equal(verdict.result, "permerror");
  assert.ok(server.questions().length <= 11, server.questions().join("\n"));
});

test("a server that is stopped in the middle costs no more than the time there is", async (t) => {
  const judge = await loadSpf();
  const server = await startDnsServer(t, [["firma.example", "TXT", "v=spf1 mx -all"]]);
  const lookup: SpfLookup = async (name, type) => {
    const answer = await lookupAt(server)(name, type);
    server.freeze();
    return answer;
  };
  const began = performance.now();
  const verdict = await judge(subject, lookup, AbortSignal.timeout(300));
  assert.equal(verdict.why, "no answer in time");
  const waited = performance.now() - began;
  assert.ok(waited < 2000, `${waited} ms`);
});
