import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decide, type Decision } from "../../../lib/greylist/decide.ts";
import type { Change, Earnings, Known, Rules } from "../../../lib/greylist/knowledge.ts";
import {
  encodeClient,
  encodeDomain,
  encodeSender,
  encodeTriplet,
  type SenderRecord,
  type TripletRecord,
} from "../../../lib/greylist/records.ts";
import { usedAt } from "../../../lib/greylist/trust.ts";

const hour = 3600, day = 86_400;
const rules: Rules = {
  delaySeconds: 300,
  retryWindowSeconds: 2 * day,
  maxAgeSeconds: 35 * day,
  clientPasses: 5,
  domainSenders: 2,
};
const earnsAll: Earnings = { sender: true, domainSender: "alice" };
const earnsNothing: Earnings = { sender: false, domainSender: undefined };
const t = 1_700_000_000;

/** A client with a name: two identities, of which nothing is known. */
const nothing: Known = {
  senders: [undefined, undefined],
  triplets: [undefined, undefined],
  domain: undefined,
  client: { record: undefined },
  correspondent: undefined,
  releaseTriplet: undefined,
  releaseClient: undefined,
};

const use = (seen: number) => usedAt(seen, rules.maxAgeSeconds);
const waiting = (first: number): TripletRecord => {
  return { state: "waiting", first, until: first + rules.retryWindowSeconds + 1 };
};
const vouchedFor = (first: number): TripletRecord => {
  return { state: "waiting", first, until: first + rules.retryWindowSeconds + 1, vouched: true };
};
const passed = (first: number, seen: number): TripletRecord => {
  return { state: "passed", first, ...use(seen) };
};
const sender = (first: number, seen: number): SenderRecord => ({ first, ...use(seen) });
const client = (tried: number, returned: number, passes: number, seen: number) => {
  return { record: { tried, returned, halved: t, passes, ...use(seen) } };
};

/** A change as one word: `S0=p…`, `T1 gone`. The end of a record's life is left out. */
function written(change: Change): string {
  const short = (text: string) => text.slice(3).replace(/ \d+$/, "");
  switch (change.kind) {
    case "sender":
      return `S${change.identity}=${short(encodeSender(change.record))}`;
    case "triplet":
      return change.record === undefined
        ? `T${change.identity} gone`
        : `T${change.identity}=${short(encodeTriplet(change.record))}`;
    case "client":
      return `C=${short(encodeClient(change.record))}`;
    case "domain":
      return `D=${encodeDomain(change.record).slice(3).replace(/ \d+/, "")}`;
  }
}

/** A decision as one line, with what it writes. */
function summary(decision: Decision): string {
  const what = decision.verdict === "defer"
    ? `defer ${decision.reason}, ${decision.missing} s missing`
    : decision.waited === undefined
    ? `pass: ${decision.reason}`
    : `pass: ${decision.reason}, after ${decision.waited} s`;
  return [what, ...decision.changes.map(written)].join("; ");
}

const table: [
  what: string,
  known: Partial<Known>,
  now: number,
  outcome: string,
  earns?: Earnings,
][] = [
  [
    "what was never seen is new, and waits under both identities",
    {},
    t,
    `defer new, 300 s missing; T0=w ${t}; T1=w ${t}`,
  ],
  [
    "a first attempt within a second is kept as the next",
    {},
    t + 0.2,
    `defer new, 301 s missing; T0=w ${t + 1}; T1=w ${t + 1}`,
  ],
  [
    "a retry a moment later is no clock in the future",
    { triplets: [waiting(t + 1), waiting(t + 1)] },
    t + 0.3,
    "defer early-retry, 301 s missing",
  ],
  [
    "a retry a moment before the delay is over is too early",
    { triplets: [waiting(t), waiting(t)] },
    t + 299.9,
    "defer early-retry, 1 s missing",
  ],
  [
    "what a domain vouches for waits under the domain, too, and says so",
    { senders: [undefined, undefined], triplets: [undefined, undefined], vouched: true },
    t,
    `defer new, 300 s missing; T0=v ${t}; T1=v ${t}`,
  ],
  [
    "what began to wait before the domain vouched for it does so from then on, since when it did",
    { triplets: [waiting(t), undefined], vouched: true },
    t + 100,
    `defer early-retry, 200 s missing; T0=v ${t}; T1=v ${t}`,
  ],
  [
    "what waits there already is left alone",
    { triplets: [vouchedFor(t), vouchedFor(t)], vouched: true },
    t + 100,
    "defer early-retry, 200 s missing",
  ],
  [
    "what waited there too long ago does not count as waiting there",
    { triplets: [waiting(t + 2 * day), vouchedFor(t)], vouched: true },
    t + 2 * day + 100,
    `defer early-retry, 200 s missing; T0=v ${t + 2 * day}; T1=v ${t + 2 * day}`,
  ],
  [
    "what the domain's other host began passes, and is the domain's from then on",
    { triplets: [undefined, vouchedFor(t)], vouched: true },
    t + 300,
    `pass: triplet found, after 300 s; S0=${t} ${t + 300}; S1=${t} ${t + 300}; T1 gone; ` +
    `C=1 1 ${t + 300} 1 ${t + 300}; D=${t + 300} alice`,
  ],
  [
    "a retry when the delay is over passes, and its sender with it",
    { triplets: [waiting(t), waiting(t)] },
    t + 300,
    `pass: triplet found, after 300 s; S0=${t} ${t + 300}; S1=${t} ${t + 300}; T0 gone; T1 gone; ` +
    `C=1 1 ${t + 300} 1 ${t + 300}; D=${t + 300} alice`,
  ],
  [
    "where nothing can be earned the triplet passes instead",
    { triplets: [waiting(t), waiting(t)], client: undefined },
    t + 300,
    `pass: triplet found, after 300 s; T0=p ${t} ${t + 300}; T1=p ${t} ${t + 300}`,
    earnsNothing,
  ],
  [
    "of two first attempts the earlier counts",
    { triplets: [waiting(t), waiting(t + 200)] },
    t + 250,
    "defer early-retry, 50 s missing",
  ],
  [
    "one that waits under the other identity is enough",
    { triplets: [undefined, waiting(t)] },
    t + 10,
    "defer early-retry, 290 s missing",
  ],
  [
    "of two the one within the retry window counts",
    { triplets: [waiting(t), waiting(t + 2 * day)] },
    t + 2 * day + 100,
    "defer early-retry, 200 s missing",
  ],
  [
    "a retry at the end of the retry window passes",
    { triplets: [waiting(t), undefined], client: undefined },
    t + 2 * day,
    `pass: triplet found, after 172800 s; S0=${t} ${t + 2 * day}; S1=${t} ${
      t + 2 * day
    }; T0 gone; D=${t + 2 * day} alice`,
  ],
  [
    "after the retry window it is new",
    { triplets: [waiting(t), waiting(t)] },
    t + 2 * day + 1,
    `defer new, 300 s missing; T0=w ${t + 2 * day + 1}; T1=w ${t + 2 * day + 1}`,
  ],
  [
    "a first attempt in the future counts as now, and is set to now",
    { triplets: [waiting(t + 99), undefined] },
    t,
    `defer early-retry, 300 s missing; T0=w ${t}; T1=w ${t}`,
  ],
  [
    "a known sender passes whatever the recipient",
    { senders: [sender(t, t + 300), undefined] },
    t + 301,
    "pass: sender AWL",
  ],
  [
    "its use is written down after an hour, where it was found",
    { senders: [sender(t, t), undefined] },
    t + hour,
    `pass: sender AWL; S0=${t} ${t + hour}`,
  ],
  [
    "under both identities if it was found under both",
    { senders: [sender(t, t), sender(t, t + 60)] },
    t + hour + 60,
    `pass: sender AWL; S0=${t} ${t + hour + 60}; S1=${t} ${t + hour + 60}`,
  ],
  [
    "a sender is known until max-age after its last use",
    { senders: [sender(t, t), undefined] },
    t + 35 * day,
    `pass: sender AWL; S0=${t} ${t + 35 * day}`,
  ],
  [
    "after max-age it is not",
    { senders: [sender(t, t), undefined], triplets: [waiting(t + 35 * day), undefined] },
    t + 35 * day + 1,
    "defer early-retry, 299 s missing",
  ],
  [
    "a last use in the future counts as now, and is set to now",
    { senders: [sender(t, t + 99), undefined] },
    t,
    `pass: sender AWL; S0=${t} ${t}`,
  ],
  [
    "a mail that waited, and whose sender has passed meanwhile, counts as come back, once",
    {
      senders: [sender(t, t + 300), undefined],
      triplets: [waiting(t), waiting(t)],
      client: client(2, 1, 1, t + 300),
    },
    t + 301,
    `pass: sender AWL, after 301 s; T0 gone; T1 gone; C=2 2 ${t} 1 ${t + 300}`,
  ],
  [
    "what waits under the address only was brought back by another host of the group",
    { senders: [sender(t, t + 300), undefined], triplets: [undefined, waiting(t)] },
    t + 999,
    "pass: sender AWL",
  ],
  [
    "one that came back too early does not",
    { senders: [sender(t, t + 300), undefined], triplets: [waiting(t + 200), undefined] },
    t + 301,
    "pass: sender AWL",
  ],
  [
    "a known domain passes",
    { domain: { senders: "passed", ...use(t) } },
    t + 1,
    "pass: domain AWL",
  ],
  [
    "the use of a domain is written down after an hour",
    { domain: { senders: "passed", ...use(t) } },
    t + hour,
    `pass: domain AWL; D=${t + hour} passed`,
  ],
  [
    "a domain one of whose senders has passed is not known yet",
    { domain: { senders: ["bob"], ...use(t) } },
    t,
    `defer new, 300 s missing; T0=w ${t}; T1=w ${t}`,
  ],
  [
    "the second sender opens it",
    {
      domain: { senders: ["bob"], ...use(t) },
      triplets: [waiting(t), undefined],
      client: undefined,
    },
    t + 300,
    `pass: triplet found, after 300 s; S0=${t} ${t + 300}; S1=${t} ${t + 300}; T0 gone; D=${
      t + 300
    } passed`,
  ],
  [
    "a sender counts once for its domain",
    {
      domain: { senders: ["alice"], ...use(t) },
      triplets: [waiting(t), undefined],
      client: undefined,
    },
    t + 300,
    `pass: triplet found, after 300 s; S0=${t} ${t + 300}; S1=${t} ${t + 300}; T0 gone`,
  ],
  [
    "a client with five passes is let through",
    { client: client(5, 5, 5, t) },
    t + 1,
    "pass: client AWL",
  ],
  [
    "its use is written down after an hour",
    { client: client(5, 5, 5, t) },
    t + hour,
    `pass: client AWL; C=5 5 ${t} 5 ${t + hour}`,
  ],
  [
    "with four it waits, and is tried",
    { client: client(4, 4, 4, t) },
    t + hour,
    `defer new, 300 s missing; T0=w ${t + hour}; T1=w ${t + hour}; C=5 4 ${t} 4 ${t}`,
  ],
  [
    "a client most of whose triplets never come back has lost its place",
    { client: client(20, 9, 5, t) },
    t,
    `defer new, 300 s missing; T0=w ${t}; T1=w ${t}; C=21 9 ${t} 5 ${t}`,
  ],
  ["half of them are enough", { client: client(20, 10, 5, t) }, t, "pass: client AWL"],
  [
    "a client that is out of reach is neither known nor begun anew",
    { client: undefined, triplets: [waiting(t), undefined] },
    t + 300,
    `pass: triplet found, after 300 s; S0=${t} ${t + 300}; S1=${t} ${t + 300}; T0 gone; D=${
      t + 300
    } alice`,
  ],
  [
    "a triplet that has passed passes",
    { triplets: [passed(t, t + 300), undefined] },
    t + 301,
    "pass: triplet found",
    earnsNothing,
  ],
  [
    "its use is written down after an hour, too",
    { triplets: [passed(t, t), undefined] },
    t + hour,
    `pass: triplet found; T0=p ${t} ${t + hour}`,
    earnsNothing,
  ],
  [
    "whom one of our users has written to passes, and nothing is written",
    { correspondent: use(t) },
    t + 2 * hour,
    "pass: correspondent",
  ],
  [
    "until max-age after that",
    { correspondent: use(t) },
    t + 35 * day + 1,
    `defer new, 300 s missing; T0=w ${t + 35 * day + 1}; T1=w ${t + 35 * day + 1}`,
  ],
  [
    "a mail that waited before has not come back by that",
    { correspondent: use(t), triplets: [waiting(t), waiting(t)], client: client(2, 1, 1, t) },
    t + 300,
    "pass: correspondent",
  ],
  [
    "a correspondent that is known has its use written down",
    { correspondent: use(t), senders: [sender(t, t), undefined] },
    t + hour,
    `pass: sender AWL; S0=${t} ${t + hour}`,
  ],
  [
    "a triplet that 0.1.0 knows passes, and its sender with it",
    { releaseTriplet: { state: "passed", first: t, seen: t + 300 } },
    t + hour,
    `pass: triplet found; S0=${t} ${t + hour}; S1=${t} ${t + hour}`,
  ],
  [
    "it is taken over as a triplet where no sender can be earned",
    { releaseTriplet: { state: "passed", first: t, seen: t + 300 } },
    t + hour,
    `pass: triplet found; T0=p ${t} ${t + hour}; T1=p ${t} ${t + hour}`,
    earnsNothing,
  ],
  [
    "one that waits in 0.1.0 waits",
    { releaseTriplet: { state: "waiting", first: t } },
    t + 100,
    "defer early-retry, 200 s missing",
  ],
  [
    "and passes when its delay is over",
    { releaseTriplet: { state: "waiting", first: t }, client: undefined },
    t + 300,
    `pass: triplet found, after 300 s; S0=${t} ${t + 300}; S1=${t} ${t + 300}; D=${t + 300} alice`,
  ],
  [
    "a network in the auto-whitelist of 0.1.0 passes, and nothing is written",
    { releaseClient: { passes: 5, seen: t } },
    t + 35 * day,
    "pass: client AWL",
  ],
  [
    "until max-age after its last use",
    { releaseClient: { passes: 5, seen: t } },
    t + 35 * day + 1,
    `defer new, 300 s missing; T0=w ${t + 35 * day + 1}; T1=w ${t + 35 * day + 1}`,
  ],
];
for (const [what, known, now, outcome, earns] of table) {
  test(what, () => {
    const all = { ...nothing, ...known };
    assert.equal(summary(decide(all, earns ?? earnsAll, now, rules)), outcome);
  });
}

test("with a delay of 0 the first attempt is deferred and any second one passes", () => {
  const none = { ...rules, delaySeconds: 0 };
  const first = decide(nothing, earnsNothing, t + 0.5, none);
  assert.equal(summary(first), `defer new, 0 s missing; T0=w ${t + 1}; T1=w ${t + 1}`);
  const known = { ...nothing, client: undefined, triplets: [waiting(t + 1), waiting(t + 1)] };
  const second = decide(known, earnsNothing, t + 0.6, none);
  assert.equal(
    summary(second),
    `pass: triplet found, after 0 s; T0=p ${t + 1} ${t + 1}; T1=p ${t + 1} ${t + 1}`,
  );
});

test("with auto-whitelist at 0 neither a client nor 0.1.0's auto-whitelist lets through", () => {
  const none = { ...rules, clientPasses: 0 };
  for (const known of [{ client: client(9, 9, 9, t) }, { releaseClient: { passes: 9, seen: t } }]) {
    assert.equal(decide({ ...nothing, ...known }, earnsAll, t, none).verdict, "defer");
  }
});

/** All that is known after a decision. */
function after(known: Known, changes: readonly Change[]): Known {
  const senders = [...known.senders], triplets = [...known.triplets];
  let { client, domain } = known;
  for (const change of changes) {
    if (change.kind === "sender") senders[change.identity] = change.record;
    else if (change.kind === "triplet") triplets[change.identity] = change.record;
    else if (change.kind === "client") client = { record: change.record };
    else domain = change.record;
  }
  return { ...known, senders, triplets, client, domain };
}

/** Plays attempts of one triplet at the given intervals, in seconds. */
function play(steps: readonly number[], earns: Earnings) {
  let now = t, known = nothing;
  return steps.map((step) => {
    now += step;
    const decision = decide(known, earns, now, rules);
    known = after(known, decision.changes);
    return { now, decision };
  });
}

const forward = fc.array(
  fc.oneof(
    fc.double({ min: 0, max: 400, noNaN: true }),
    fc.nat(2 * day + 10),
    fc.nat(36 * day),
  ),
  { minLength: 1, maxLength: 30 },
);
const anyway = fc.array(
  fc.oneof(fc.nat(400), fc.nat(2 * day + 10), fc.nat(36 * day), fc.integer({ min: -500, max: 0 })),
  { minLength: 1, maxLength: 30 },
);
const earnings = fc.constantFrom(earnsAll, earnsNothing);

test("nothing passes sooner than the delay after its first attempt, to the fraction of a second", () => {
  fc.assert(fc.property(forward, earnings, (steps, earns) => {
    let first = Infinity, known = false;
    for (const { now, decision } of play(steps, earns)) {
      if (decision.verdict === "defer") {
        if (decision.reason === "new") first = now;
        known = false;
      } else {
        assert.ok(known || now - first >= rules.delaySeconds, `${now - first} s`);
        known = true;
      }
    }
  }));
});

test("what is told to be missing is enough, and is less than a second too much", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(298), (fraction, step) => {
      const first = decide(nothing, earnsAll, t + fraction, rules);
      const known = after(nothing, first.changes);
      const early = decide(known, earnsAll, t + fraction + step, rules);
      assert.ok(early.verdict === "defer");
      const told = t + fraction + step + early.missing;
      assert.equal(decide(known, earnsAll, told, rules).verdict, "pass");
      assert.equal(decide(known, earnsAll, told - 2, rules).verdict, "defer");
    }),
  );
});

test("no order of attempts makes a mail that passed deferred within max-age of its last use", () => {
  fc.assert(fc.property(anyway, earnings, (steps, earns) => {
    let lastPass = -Infinity;
    for (const { now, decision } of play(steps, earns)) {
      if (decision.verdict === "pass") lastPass = now;
      // What is written down may be an hour older than the last use.
      else {assert.ok(
          now - lastPass + hour > rules.maxAgeSeconds,
          `${now - lastPass} s after it passed`,
        );}
    }
  }));
});

test("a client that keeps retrying passes, whatever the clock did before", () => {
  fc.assert(
    fc.property(anyway, earnings, fc.integer({ min: 1, max: 300 }), (before, earns, step) => {
      const retries = Array.from({ length: Math.ceil(300 / step) + 2 }, () => step);
      assert.equal(play([...before, ...retries], earns).at(-1)?.decision.verdict, "pass");
    }),
  );
});

test("a mail that is known writes nothing within an hour", () => {
  fc.assert(fc.property(anyway, earnings, fc.nat(hour - 1), (before, earns, step) => {
    const attempts = play([...before, 0, step], earns);
    const [one, other] = attempts.slice(-2);
    if (one?.decision.verdict !== "pass" || one.decision.changes.length === 0) return;
    if (one.decision.waited === undefined || earns.sender) {
      assert.deepEqual(other?.decision.changes, []);
    }
  }));
});

test("one mail to thirty recipients does not cost a client its place", () => {
  // Two passes so far; then thirty recipients of one sender, who all come back.
  let record = client(2, 2, 2, t).record;
  const first = t + hour;
  const take = (decision: Decision) => {
    for (const change of decision.changes) if (change.kind === "client") record = change.record;
  };
  for (let i = 0; i < 30; i++) {
    take(decide({ ...nothing, client: { record } }, earnsAll, first, rules));
  }
  assert.deepEqual([record.tried, record.returned], [32, 2]);
  for (let i = 0; i < 30; i++) {
    const known = sender(first, first + 300);
    const senders = i === 0 ? [undefined, undefined] : [known, known];
    const triplets = [waiting(first), waiting(first)];
    const decision = decide(
      { ...nothing, senders, triplets, client: { record } },
      earnsAll,
      first + 301,
      rules,
    );
    assert.equal(decision.verdict, "pass");
    take(decision);
  }
  assert.deepEqual([record.tried, record.returned, record.passes], [32, 32, 3]);
});

test("only a mail that passes for the first time after a domain vouched for it says so", () => {
  const passes = (triplets: Known["triplets"], now = t + 300) => {
    const decision = decide({ ...nothing, triplets }, earnsAll, now, rules);
    return decision.verdict === "pass" && decision.vouched === true;
  };
  assert.ok(passes([vouchedFor(t), vouchedFor(t)]));
  assert.ok(!passes([waiting(t), waiting(t)]));
  assert.ok(!passes([vouchedFor(t), vouchedFor(t)], t + 100));
  assert.ok(!passes([passed(t, t), undefined]));
  assert.ok(!passes([undefined, undefined]));
  // What is over says nothing.
  assert.ok(!passes([waiting(t + 2 * day), vouchedFor(t)], t + 2 * day + 300));
});
