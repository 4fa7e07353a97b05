/**
 * With the settings that give postgrey's ways, and without the auto-whitelist, this version decides as 0.1.0
 * did: on the cases that postgrey is compared with, and on random mail. On whole seconds: 0.1.0 let a mail
 * through up to a second early.
 *
 *     SEED=1234 deno test -A tests/old_and_new/same_decisions_test.ts      the same mail again
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { requestFor, setups } from "../postgrey/cases.ts";
import type { Cleanup } from "../support/process.ts";
import { current, judge, opened, released, type Version } from "./versions.ts";

const requests = 7_000;
const seed = Number(process.env["SEED"] || Math.floor(Math.random() * 2 ** 31));

const ways = [
  ...["--client-identity", "network", "--normalize-senders", "postgrey"],
  ...["--auto-whitelist-senders", "0", "--auto-whitelist-domains", "0"],
];
const withoutAutoWhitelist = ["--auto-whitelist", "0"];

/** Both versions, each with a store of its own, by one clock. */
async function both(
  t: Cleanup,
  clock: { now: number },
  args: readonly string[],
  files: Readonly<Record<string, string>> = {},
) {
  const now = () => clock.now;
  const side = async (version: Version, own: readonly string[]) => {
    const { store } = await opened(t, version, "memory", now);
    return await judge(version, store, now, [...withoutAutoWhitelist, ...args, ...own], files);
  };
  return { old: await side(await released(t), []), new: await side(current, ways) };
}

const senders = [
  ...["alice@example.org", "Alice+x@Example.org", "alice+y@example.org", ""],
  ...["prvs=0123456789=alice@example.org", "prvs=9876543210=alice@example.org"],
  ...["SRS0=HHH=TT=a.example=kim@b.example", "SRS0=KKK=TU=a.example=kim@b.example"],
  ...["bounce-12-robin=example.com@lists.example", "bounce-7-robin=example.com@lists.example"],
  ...["+x@example.org", "no-domain", "a@b@example.org", "k4711@a1.firma.example", "<>"],
  // For the next ones only normalize-senders = full has one sender.
  ...["k4712@a2.firma.example", "news-8f3e21bc@lists.example", "news-77d0c2e4@lists.example"],
];
const recipients = [
  ...["robin@example.com", "Robin+x@Example.com", "robin+y@example.com", "kim@example.com"],
  ...["postmaster", "robin@example.com.", ""],
];
const addresses = [
  ...["192.0.2.1", "192.0.2.200", "192.0.3.1", "10.0.0.1", "10.0.0.2", "127.0.0.1", "unknown"],
  ...["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "2002:c000:201::1", "64:ff9b::c000:201"],
  ...["::ffff:192.0.2.9", "fe80::1", "::1"],
];
const names = ["unknown", "mx1.example.org", "mx2.example.org", "192-0-2-1.dsl.example", ""];

const asked = fc.record({
  /** Seconds since the request before; sometimes clocks are set back. */
  later: fc.oneof(
    { weight: 50, arbitrary: fc.integer({ min: 0, max: 60 }) },
    { weight: 5, arbitrary: fc.constantFrom(59, 60, 61, 299, 300, 301, 3599, 3600) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 90_000 }) },
    { weight: 1, arbitrary: fc.constantFrom(-1, -600, -90_000, 172_800, 172_801, 3_024_001) },
  ),
  /** The request so many before once more; else a new one. */
  again: fc.option(fc.integer({ min: 1, max: 20 }), { freq: 1 }),
  attributes: fc.record({
    client_address: fc.constantFrom(...addresses),
    client_name: fc.constantFrom(...names),
    sender: fc.constantFrom(...senders),
    recipient: fc.constantFrom(...recipients),
    instance: fc.constantFrom("", "1", "2", "3"),
    sasl_username: fc.constantFrom("", "", "", "", "", "", "somebody"),
    protocol_state: fc.constantFrom("RCPT", "RCPT", "RCPT", "RCPT", "RCPT", "DATA"),
  }),
});

for (
  const [how, args] of [
    ["", []],
    [", with other networks and times", [
      ...["--ipv4-prefix", "16", "--ipv6-prefix", "48", "--delay", "60"],
      ...["--retry-window", "6h", "--max-age", "2d"],
    ]],
    [", without senders", ["--identify-by", "client,recipient"]],
  ] as const
) {
  test(`with postgrey's ways random mail is decided as by 0.1.0${how}`, async (t) => {
    const clock = { now: 1_700_000_000 };
    const versions = await both(t, clock, args);
    const sample = fc.sample(asked, { seed, numRuns: requests });
    const counted = new Map<string, number>();
    const before: typeof sample[number]["attributes"][] = [];
    for (const [i, { later, again, attributes: fresh }] of sample.entries()) {
      clock.now += later;
      const attributes = (again === null ? undefined : before.at(-again)) ?? fresh;
      before.push(attributes);
      const expected = await versions.old.ask(attributes);
      const what = `seed ${seed}, request ${i}: ${JSON.stringify(attributes)}`;
      assert.deepEqual(await versions.new.ask(attributes), expected, what);
      const [kind = ""] = expected.decision.split(/ \(|, /);
      counted.set(kind, (counted.get(kind) ?? 0) + 1);
    }
    // It was mail of every kind.
    for (const kind of ["greylist new", "greylist early-retry", "pass triplet found"]) {
      assert.ok((counted.get(kind) ?? 0) > 50, `${kind}: ${counted.get(kind)}`);
    }
  });
}

test("with postgrey's ways the cases that postgrey is compared with are decided as by 0.1.0", async (t) => {
  for (const setup of setups) {
    if (setup.greylist.includes("--auto-whitelist")) continue;
    const clock = { now: 0 };
    const versions = await both(t, clock, [
      ...setup.greylist,
      ...["--whitelist-clients", "/clients", "--whitelist-recipients", "/recipients"],
    ], { "/clients": setup.clients ?? "", "/recipients": setup.recipients ?? "" });
    for (const [number, { title, steps }] of setup.cases.entries()) {
      for (const [step, [at, changes]] of steps.entries()) {
        clock.now = 1_700_000_000 + number * 1000 * 86_400 + at;
        const attributes = requestFor(number, step, changes);
        // 0.1.0 had nothing to say without a state, which now is RCPT.
        const stated = { ...attributes, protocol_state: attributes["protocol_state"] || "RCPT" };
        const expected = await versions.old.ask(stated);
        assert.deepEqual(await versions.new.ask(attributes), expected, `${title}, ${step + 1}`);
      }
    }
  }
});
