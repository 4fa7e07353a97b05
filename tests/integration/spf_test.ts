/** SPF as a real name server answers it: the cases of tests/unit/dns again, and what only a server can do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadSpf } from "../../lib/dns/spf.ts";
import { startDnsServer } from "../support/dns_server.ts";
import { openResolver } from "../support/resolver.ts";
import { expectedOf, spfCases, subjectOf } from "../support/spf_cases.ts";

const subject = {
  address: "192.0.2.1",
  isGeneric: false,
  sender: "user@firma.example",
  helo: "mx.firma.example",
};

test("each case is judged with a name server as it is in memory", async (t) => {
  const judge = await loadSpf();
  const { server } = await startDnsServer(t, spfCases.flatMap(({ records }) => records));
  const { resolver } = openResolver(t, [server]);
  for (const one of spfCases) {
    const got = await resolver.ask((lookup, signal) => judge(subjectOf(one), lookup, signal));
    assert.deepEqual(got, expectedOf(one, got), one.title);
  }
});

test("no question is asked that the RFC does not allow", async (t) => {
  const judge = await loadSpf();
  const server = await startDnsServer(t, [
    ["firma.example", "TXT", `v=spf1 ${"include:in.firma.example ".repeat(30)}-all`],
    ["in.firma.example", "TXT", "v=spf1 include:%{i}.firma.example include:firma.example -all"],
  ]);
  const { resolver } = openResolver(t, [server.server]);
  const verdict = await resolver.ask((lookup, signal) => judge(subject, lookup, signal));
  assert.equal(verdict.result, "permerror");
  assert.ok(server.questions().length <= 11, server.questions().join("\n"));
});

test("a server that is stopped in the middle costs no more than the time there is", async (t) => {
  const judge = await loadSpf();
  const server = await startDnsServer(t, [["firma.example", "TXT", "v=spf1 mx -all"]]);
  const { resolver } = openResolver(t, [server.server], 300);
  const began = performance.now();
  const verdict = await resolver.ask((lookup, signal) =>
    judge(
      subject,
      async (name, type) => {
        const answer = await lookup(name, type);
        server.freeze();
        return answer;
      },
      signal,
    )
  );
  assert.equal(verdict.why, "no answer in time");
  const waited = performance.now() - began;
  assert.ok(waited < 2000, `${waited} ms`);
});
