import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseHTML } from "linkedom";
import { binned } from "../../../lib/report/bins.ts";
import { type Figures, figuresOf } from "../../../lib/report/figures.ts";
import { Html, markup } from "../../../lib/report/markup.ts";
import { reportPage } from "../../../lib/report/page.ts";
import { nothingRead } from "../../../lib/report/sources.ts";
import { Tally } from "../../../lib/report/tally.ts";
import { reportText } from "../../../lib/report/text.ts";
import { WaitingMails } from "../../../lib/report/waiting.ts";
import { duration, parseMoment, waitClass } from "../../../lib/report/words.ts";
import { parseDuration } from "../../../lib/config/units.ts";

const window = 172_800, beginning = Date.UTC(2026, 10, 26, 10) / 1000;

/** The figures of lines that were said an hour one after the other. */
function figures(...lines: Record<string, string>[]): Figures {
  const tally = new Tally(new WaitingMails(window, 2 ** 10));
  for (const [n, { text = "", ...fields }] of lines.entries()) {
    tally.take({ stamp: undefined, ident: undefined, text, fields }, beginning + n * 3600);
  }
  return figuresOf(tally, nothingRead(), window);
}

interface Element {
  readonly textContent: string;
  querySelectorAll(selector: string): Iterable<Element>;
}
const parsed = (page: string) => (parseHTML(page) as unknown as { document: Element }).document;
const all = (element: Element, selector: string) => [...element.querySelectorAll(selector)];

/** What a table shows, row by row, by the name that it has for those who do not see it. */
function tableIn(page: string, name: string): string[][] {
  const [table] = all(parsed(page), `[aria-label="${name}"] table`);
  assert.ok(table !== undefined, name);
  return all(table, "tbody tr").map((row) => all(row, "th, td").map((cell) => cell.textContent));
}

const mail = { client_name: "mx.example.org", client_address: "192.0.2.1", recipient: "b@e.com" };
const some = () =>
  figures(
    { action: "greylist", reason: "new", id: "1", ...mail },
    { action: "greylist", reason: "new", id: "2", ...mail },
    { action: "pass", reason: "triplet found", delay: "7200", id: "1", ...mail },
    { action: "pass", reason: "client whitelist", ...mail },
    { action: "pass", reason: "client whitelist", ...mail },
    { text: "store memcached:127.0.0.1:1 is not usable: refused" },
  );

test("behind each picture is a table with its figures", () => {
  const page = reportPage(some());
  assert.deepEqual(tableIn(page, "Decisions per hour").map((row) => row.slice(1)), [
    ["1", "0", "0"],
    ["1", "0", "0"],
    ["0", "1", "0"],
    ["0", "0", "1"],
    ["0", "0", "1"],
  ]);
  const waits = tableIn(page, "Mails that came back, by how long they waited");
  assert.deepEqual(waits.filter(([, mails]) => mails !== "0"), [["2 – 4 h", "1", "100.0 %"]]);
  assert.equal(all(parsed(page), "figure svg").length, 4);
  assert.equal(all(parsed(page), "figure rect").length, 2 * 5 + 2 * 12);
  for (const picture of all(parsed(page), "figure div")) {
    assert.equal(all(picture, "svg[aria-hidden=true]").length, 1);
  }
});

test("the page and the text say the same", () => {
  const page = reportPage(some()), text = reportText(some());
  assert.deepEqual(tableIn(page, "What let mails through at once"), [
    ["client whitelist", "2", "100.0 %", "4 h"],
  ]);
  assert.match(text, /^ {2}client whitelist {2}2 {2}100\.0 % {2}4 h$/m);
  assert.deepEqual(tableIn(page, "Mails that had to wait").map(([, mails]) => mails), [
    "1",
    "0",
    "1",
  ]);
  assert.match(text, /^Mails that had to wait, one for each recipient: 2$/m);
  assert.match(
    text,
    /^ {2}came back after 2 h \(median\), 2 h \(90 %\), 2 h \(99 %\), 2 h \(longest\)$/m,
  );
  for (const what of [page, text]) {
    assert.match(what, /store memcached:127\.0\.0\.1:1: failed 1 time \(refused\)/);
  }
});

test("whatever a stranger writes, the page has none of it as markup, and nothing to be fetched", () => {
  const piece = fc.constantFrom(
    ...["<script>", "</table>", '"', "'", "&lt;", "<img src=x onerror=alert(1)>", "-->", "]]>"],
    ...["javascript:", "${", "`", "</style>", "a", "=", "\xe2\x80\xae", "\xff", "\0", "url(x)"],
  );
  const hostile = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(""));
  const shape = (page: string) => all(parsed(page), "*:not(wbr)").length;
  const shapeOfSome = shape(reportPage(fill("x")));
  function fill(value: string): Figures {
    const fields = { client_name: value, client_address: value, sender: value, recipient: value };
    return figures(
      { action: "greylist", reason: "new", suspicion: value || "x", ...fields },
      { action: "pass", reason: value, delay: "7200", ...fields },
      { action: "pass", reason: value, ...fields, recipient: `${value}2` },
      { text: `the list ${value} is of no use: ${value}` },
    );
  }
  fc.assert(
    fc.property(hostile, (value) => {
      const page = reportPage(fill(value));
      assert.equal(shape(page), shapeOfSome);
      assert.equal(all(parsed(page), "script, img, link, iframe, object, a").length, 0);
      assert.doesNotMatch(page, /<[^>]*\s(?:src|href|on\w+)\s*=/i);
    }),
    { numRuns: 50 },
  );
});

test("a log without any decision makes a page, too", () => {
  const page = reportPage(figures());
  assert.equal(all(parsed(page), "h1").length, 1);
  assert.deepEqual(tableIn(page, "Decisions").map(([, mails]) => mails), ["0", "0", "0"]);
  assert.match(reportText(figures()), /^Greylisting: 0 decisions in 0 lines of log\n/);
});

test("a template takes no value for markup that is not", () => {
  assert.equal(
    markup`<a>${"<b>&\"'"}${1}${new Html("<i>")}${[markup`x`]}</a>`.text,
    "<a>&lt;b&gt;&amp;&quot;&#39;1<i>x</a>",
  );
});

test("a picture never has more bars than it can show, and no decision is lost in it", () => {
  const hour = fc.integer({ min: -1e5, max: 1e5 }), span = fc.integer({ min: 0, max: 1e6 });
  fc.assert(fc.property(hour, fc.array(span, { maxLength: 20 }), (first, more) => {
    const hours = [...new Set([0, ...more])].sort((a, b) => a - b).map((n) => ({
      from: (first + n) * 3600,
      ...{ deferred: 1, accepted: 2, letThrough: 3 },
    }));
    const { bins, hoursEach } = binned(hours)!;
    assert.ok(bins.length <= 200);
    const sum = bins.reduce((total, { deferred }) => total + deferred, 0);
    assert.equal(sum, hours.length);
    for (const [n, bin] of bins.entries()) {
      assert.equal(bin.from.getTime() - bins[0]!.from.getTime(), n * hoursEach * 3_600_000);
    }
  }));
});

test("times are written as people say them, and read as they write them", () => {
  const durations = [0, 59, 60, 372, 3600, 97_200, 86_400 * 400];
  assert.deepEqual(
    durations.map(duration),
    ["0 s", "59 s", "1 min", "6 min 12 s", "1 h", "1 d 3 h", "400 d"],
  );
  assert.deepEqual(
    [waitClass(0, 60), waitClass(300, 600), waitClass(1800, 3600), waitClass(172_800, undefined)],
    ["under 1 min", "5 – 10 min", "30 min – 1 h", "2 d and more"],
  );
  const local = (text: string) => Date.parse(text) / 1000;
  const cases: [string, number][] = [
    ["2026-11-26", local("2026-11-26T00:00:00")],
    ["2026-11-26 10:30", local("2026-11-26T10:30:00")],
    ["2026-11-26T10:30:15", local("2026-11-26T10:30:15")],
    ["2026-11-26T10:30:15Z", local("2026-11-26T10:30:15Z")],
    ["2026-11-26T10:30:15+01:00", local("2026-11-26T09:30:15Z")],
    ["7d", beginning - 7 * 86_400],
  ];
  for (const [text, at] of cases) {
    assert.equal(parseMoment(text, beginning, parseDuration), at, text);
  }
  for (const text of ["2026-02-30", "2026-13-01", "yesterday", "", "2026-11-26 25:00", "-1"]) {
    assert.throws(() => parseMoment(text, beginning, parseDuration), RangeError, text);
  }
});
