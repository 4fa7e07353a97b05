import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readLine } from "../../../lib/log/line.ts";
import { figuresOf } from "../../../lib/report/figures.ts";
import { Ranking } from "../../../lib/report/ranking.ts";
import { nothingRead } from "../../../lib/report/sources.ts";
import { Tally } from "../../../lib/report/tally.ts";
import { WaitingMails } from "../../../lib/report/waiting.ts";
import { Waits } from "../../../lib/report/waits.ts";

const window = 1000, beginning = 1_800_000_000;

const newTally = () => new Tally(new WaitingMails(window, 2 ** 10));

interface Said {
  readonly later: number;
  readonly mail: number;
  readonly action: "greylist" | "pass";
  readonly delay: number | undefined;
}

const said: fc.Arbitrary<Said> = fc.record({
  later: fc.constantFrom(0, 1, 300, 900, 1001),
  mail: fc.nat(5),
  action: fc.constantFrom("greylist", "pass"),
  delay: fc.constantFrom(undefined, undefined, 0, 301, 86_400),
});

/** As a log has it: some mails have an id, some are told apart as postgrey does it. */
function lineOf({ mail, action, delay }: Said): string {
  const reason = action === "pass" ? "sender AWL" : "new";
  const told = action === "pass" && delay !== undefined ? `, delay=${delay}` : "";
  // Of the same network, but of another client.
  const client = `client_name=mx${mail}.example.org, client_address=192.0.${mail % 3}.${mail}`;
  const rest = `sender=a@example.org, recipient=b@example.com`;
  const id = mail < 3 ? `, id=${mail}` : "";
  return `action=${action}, reason=${reason}${told}, ${client}, ${rest}${id}`;
}

/** The same in the plainest way: everything is kept, and looked through. */
function plainly(all: readonly (Said & { readonly at: number })[]) {
  const counts = { deferred: 0, accepted: 0, letThrough: 0 }, waits: number[] = [];
  const since = new Map<number, number>();
  let neverCameBack = 0;
  for (const { mail, action, delay, at } of all) {
    const first = since.get(mail);
    if (action === "greylist") {
      counts.deferred++;
      if (first !== undefined && at - first <= window) continue;
      if (first !== undefined) neverCameBack++;
      since.set(mail, at);
    } else {
      since.delete(mail);
      const isBack = first !== undefined && at - first <= window;
      if (first !== undefined && !isBack && delay === undefined) neverCameBack++;
      const waited = delay ?? (isBack ? at - first : undefined);
      if (waited === undefined) counts.letThrough++;
      else {
        counts.accepted++;
        waits.push(waited);
      }
    }
  }
  const end = all.at(-1)?.at ?? 0;
  const over = [...since.values()].filter((first) => end - first > window).length;
  neverCameBack += over;
  waits.sort((a, b) => a - b);
  const rank = (share: number) => waits[Math.ceil(share * waits.length) - 1];
  return {
    ...counts,
    neverCameBack,
    mayStillCome: since.size - over,
    median: rank(0.5),
    p90: rank(0.9),
    p99: rank(0.99),
  };
}

test("whatever a log says, the figures are those of who keeps everything and looks it through", () => {
  fc.assert(fc.property(fc.array(said, { maxLength: 60 }), (list) => {
    let at = beginning;
    const all = list.map((one) => ({ ...one, at: at += one.later }));
    const tally = newTally();
    for (const one of all) tally.take(readLine(lineOf(one))!, one.at);
    const { decisions, waiting, waits, hours } = figuresOf(tally, nothingRead(), window);
    const { all: total, ...counts } = decisions;
    const { neverCameBack, mayStillCome } = waiting, { median, p90, p99 } = waits;
    const figures = { ...counts, neverCameBack, mayStillCome, median, p90, p99 };
    assert.deepEqual(figures, plainly(all));
    assert.equal(total, all.length);
    assert.equal(waiting.mails, waiting.cameBack + neverCameBack + mayStillCome);
    for (const kind of ["deferred", "accepted", "letThrough"] as const) {
      assert.equal(hours.reduce((sum, hour) => sum + hour[kind], 0), counts[kind]);
    }
    const inClasses = waits.distribution.reduce((sum, { mails }) => sum + mails, 0);
    assert.equal(inClasses, counts.accepted);
  }));
});

test("with more mails than are followed, the figures are near, and said to be an estimate", () => {
  const mails = 40_000, every = 4;
  const waiting = new WaitingMails(window, 2 ** 10);
  for (let n = 0; n < mails; n++) waiting.defer(`mail ${n}`, 0);
  assert.ok(waiting.share > 1);
  for (let n = 0; n < mails; n += every) waiting.pass(`mail ${n}`, 300, undefined);
  const { mayStillCome, neverCameBack } = waiting.remaining(300);
  const right = mails * (1 - 1 / every);
  assert.ok(Math.abs(mayStillCome - right) < right / 5, String(mayStillCome));
  assert.equal(neverCameBack, 0);
  assert.equal(waiting.remaining(2000).neverCameBack, mayStillCome);
});

test("mails whose time is over make room for others, and are counted exactly", () => {
  const waiting = new WaitingMails(window, 2 ** 10);
  const days = 100, each = 500;
  for (let day = 0; day < days; day++) {
    for (let n = 0; n < each; n++) waiting.defer(`mail ${day} ${n}`, day * 2 * window);
  }
  assert.equal(waiting.share, 1);
  assert.deepEqual(waiting.remaining((days - 1) * 2 * window), {
    neverCameBack: (days - 1) * each,
    mayStillCome: each,
  });
});

test("who is seen most is found among more than are kept, and too low by no more than is said", () => {
  const ranking = new Ranking(100);
  for (let n = 0; n < 20_000; n++) {
    ranking.of(`once ${n}`).deferred++;
    if (n % 20 === 0) ranking.of("often").deferred++;
  }
  const [first] = ranking.first(1);
  assert.equal(first?.name, "often");
  assert.ok(ranking.missing > 0);
  assert.ok(first.deferred <= 1000 && first.deferred + ranking.missing >= 1000);
});

test("waits are exact to the second for two days, and to three digits beyond", () => {
  const waits = new Waits();
  for (const seconds of [0.9, 172_801.5, 1_234_567]) waits.add(seconds);
  assert.deepEqual([1 / 3, 2 / 3, 1].map((share) => waits.percentile(share)), [
    0,
    172_801,
    1_230_000,
  ]);
  assert.equal(new Waits().percentile(0.5), undefined);
});

test("who waited longest is told in order, and not more than ten", () => {
  const tally = newTally();
  const delays = [5, 900, 17, 300, 42, 300, 8, 1, 77, 6, 3, 1000, 2];
  for (const delay of delays) {
    const line = `action=pass, reason=triplet found, delay=${delay}, sender=s${delay}@example.org`;
    tally.take(readLine(line)!, beginning);
  }
  const { waitedLongest, waits } = figuresOf(tally, nothingRead(), window);
  assert.deepEqual(
    waitedLongest.map(({ seconds }) => seconds),
    delays.toSorted((a, b) => b - a).slice(0, 10),
  );
  assert.equal(waitedLongest[0]?.sender, "s1000@example.org");
  assert.equal(waits.longest, 1000);
});

test("what saved nobody's time is not said to have saved any", () => {
  const tally = newTally();
  for (
    const line of [
      "action=pass, reason=triplet found, delay=300, id=1",
      "action=pass, reason=client whitelist",
      "action=pass, reason=client whitelist",
      "action=pass, reason=store failure, problem=refused",
      "action=greylist, reason=store failure, problem=refused",
    ]
  ) tally.take(readLine(line)!, beginning);
  const { rules, storeFailures } = figuresOf(tally, nothingRead(), window);
  assert.deepEqual(rules, [
    { reason: "client whitelist", mails: 2, savedSeconds: 600 },
    { reason: "store failure", mails: 1, savedSeconds: undefined },
  ]);
  assert.deepEqual(storeFailures, { deferred: 1, letThrough: 1 });
});

test("a log of more reasons and hours than there can be takes no more memory", () => {
  const tally = newTally();
  for (let n = 0; n < 200_000; n++) {
    tally.take(readLine(`action=pass, reason=r${n}`)!, n * 3600);
  }
  const { rules, hours, decisions, approximate } = figuresOf(tally, nothingRead(), window);
  assert.ok(rules.length <= 51 && hours.length <= 100_000);
  assert.equal(rules.reduce((sum, { mails }) => sum + mails, 0), decisions.all);
  assert.match(approximate.join("\n"), /^100000 decisions are in no hour/);
});

test("without an id mails are told apart as postgrey does it", () => {
  const mail = (action: string, address: string, sender: string, more = "") =>
    `action=${action}, reason=new${more}, client_name=mx.example.org, client_address=${address}, ` +
    `sender=${sender}, recipient=Robin@example.com`;
  const pairs: [string, string, string, string][] = [
    ["2001:db8::1", "a@x.example", "2001:DB8:0:0:9::2", "A@x.example"],
    ["192.0.2.1", "list-12-robin@x.example", "192.0.2.77", "list-13-robin@x.example"],
    ["192.0.2.1", "kim+one@x.example", "192.0.2.1", "kim+two@x.example"],
  ];
  for (const [address, sender, laterAddress, laterSender] of pairs) {
    const tally = newTally();
    const take = (line: string, at: number) => {
      const event = readLine(line);
      assert.ok(event !== undefined);
      tally.take(event, at);
    };
    take(mail("greylist", address, sender), beginning);
    take(mail("pass", laterAddress, laterSender, ", delay=400"), beginning + 400);
    take(mail("pass", "198.51.100.1", "other@x.example"), beginning + 2 * window);
    const { waiting } = figuresOf(tally, nothingRead(), window);
    assert.deepEqual([waiting.mails, waiting.cameBack], [1, 1], sender);
  }
});

test("what is kept of a client is no longer than a name and an address can be", () => {
  const tally = newTally(), long = "x".repeat(200_000);
  const line =
    `action=greylist, reason=new, client_name=${long}, client_address=${long}, sender=a@b, recipient=c@d`;
  const event = readLine(line);
  assert.ok(event !== undefined);
  tally.take(event, beginning);
  const [client] = figuresOf(tally, nothingRead(), window).triedMost;
  assert.equal(client?.client.length, 255 + 45 + 2);
});
