/**
 * What asking DNS costs: requests a second with SPF, beside the same without it, at 50 connections with fresh
 * triplets, and known mail beside them. They take turns, so that the machine's moods meet all; what counts is the ratio.
 *
 *     deno task bench:dns        needs dnsmasq; PROGRAM_UNDER_TEST and DENO as in build.ts
 */
import process from "node:process";
import { startDnsServer } from "../tests/support/dns_server.ts";
import { withCleanup } from "../tests/support/process.ts";
import { builtFromC, greylist } from "./build.ts";
import { load, type LoadOptions, makeKnown } from "./run_load.ts";
import { type Server, startGreylist } from "./servers.ts";

const rounds = 3, connections = 50, seconds = 4;
/** Of which the name server has records; all of them are soon in the daemon's cache. */
const cachedDomains = 50;
/** So many mails, again and again, are known. */
const knownMails = 500;

const rates = new Map<string, number[]>();
const median = (name: string) =>
  (rates.get(name) ?? []).toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? NaN;

await withCleanup(async (scope) => {
  const dns = await startDnsServer(
    scope,
    Array.from({ length: cachedDomains }, (_, n) => (
      [`sender${n}.example`, "TXT", "v=spf1 ip4:198.51.100.0/24 ~all"] as const
    )),
  );
  const program = greylist(), policyload = builtFromC(scope, "policyload.c");
  const start = (...args: string[]) => startGreylist(scope, program, "memory", "file", args);
  const [without, asking] = [await start(), await start("--spf", "--dns-servers", dns.server)];
  await makeKnown(policyload, new Map([without, asking].map((server) => [server, knownMails])));
  let seed = 1;
  const run = async (name: string, { endpoint }: Server, options: Partial<LoadOptions>) => {
    const all = { connections, seconds, seed: seed++, kind: "fresh", pool: knownMails } as const;
    const { rate } = await load(policyload, endpoint, { ...all, ...options });
    rates.set(name, [...rates.get(name) ?? [], rate]);
  };
  for (let round = 1; round <= rounds; round++) {
    await run("without", without, {});
    await run("cached", asking, { domains: cachedDomains });
    await run("never seen", asking, { domains: 0 });
    for (const [name, server] of [["without", without], ["asking", asking]] as const) {
      await Promise.all([
        run(`fresh beside known, ${name}`, server, { domains: 0 }),
        run(`known, ${name}`, server, { kind: "known" }),
      ]);
    }
  }
});

print(
  `medians of ${rounds} rounds of ${seconds} s at ${connections} connections, requests a second`,
);
tell("fresh triplets without SPF", "without");
tell("with SPF, domains in the cache", "cached", "without");
tell("with SPF, domains never seen", "never seen", "without");
tell("known mail beside fresh, without SPF", "known, without");
tell("known mail beside domains never seen", "known, asking", "known, without");
for (const name of ["without", "asking"]) {
  tell(`the fresh ones beside it, ${name}`, `fresh beside known, ${name}`);
}

function tell(what: string, name: string, beside?: string): void {
  const ratio = beside === undefined ? "" : `  ${(median(name) / median(beside)).toFixed(2)} of it`;
  print(`${what.padEnd(40)} ${median(name).toFixed(0).padStart(6)}/s${ratio}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
