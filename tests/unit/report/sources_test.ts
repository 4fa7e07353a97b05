import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import {
  type LogSource,
  nothingRead,
  readSources,
  type Take,
} from "../../../lib/report/sources.ts";
import { longestLine, textLines } from "../../../lib/report/text_lines.ts";

async function* streamOf(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function linesIn(...chunks: Uint8Array[]) {
  const text = textLines(streamOf(...chunks)), lines: string[] = [];
  let problem = "";
  try {
    for await (const batch of text.batches()) lines.push(...batch);
  } catch (error) {
    problem = String(error);
  }
  return { lines, problem, tooLong: text.tooLong, bytes: text.bytes };
}

/** In pieces of these sizes, again and again. */
function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] ?? 1;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

test("however a stream is cut, and packed or not, its lines are the same byte by byte", async () => {
  const line = fc.array(fc.nat(255).filter((byte) => byte !== 10), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      async (lines, sizes, endsWithBreak) => {
        const texts = ["first", ...lines.map((bytes) => String.fromCharCode(...bytes)), "last"];
        const bytes = Buffer.from(texts.join("\n") + (endsWithBreak ? "\n" : ""), "latin1");
        assert.deepEqual((await linesIn(...cut(bytes, sizes))).lines, texts);
        assert.deepEqual((await linesIn(...cut(gzipSync(bytes), sizes))).lines, texts);
      },
    ),
    { numRuns: 50 },
  );
});

test("a gzip file that is cut off is read as far as it goes, and that is told", async () => {
  const lines = Array.from({ length: 50_000 }, (_, n) => `line ${n} ${Math.sin(n)}`);
  const packed = gzipSync(lines.join("\n"));
  const half = await linesIn(packed.subarray(0, packed.length / 2));
  assert.ok(half.lines.length > 10_000 && half.lines.length < 40_000, String(half.lines.length));
  assert.deepEqual(half.lines.slice(0, 10_000), lines.slice(0, 10_000));
  assert.match(half.problem, /unexpected end of file/i);
  assert.notEqual((await linesIn(packed.subarray(0, 5))).problem, "");
  const damaged = Buffer.from(packed).fill(0, 1000, 2000);
  assert.notEqual((await linesIn(damaged)).problem, "");
});

test("gzip files one behind the other are one, as gzip has it", async () => {
  const { lines, problem } = await linesIn(gzipSync("a\nb"), gzipSync("c\nd\n"));
  assert.deepEqual([lines, problem], [["a", "bc", "d"], ""]);
});

test("a line that is too long is left out and counted, wherever the stream is cut", async () => {
  const long = "x".repeat(longestLine + 1);
  for (const size of [1000, longestLine, 3 * longestLine]) {
    const bytes = Buffer.from(
      `a\n${long}\nb\n${"y".repeat(longestLine)}\n${long}${long}\nc\n${long}`,
    );
    const { lines, tooLong } = await linesIn(...cut(bytes, [size]));
    assert.deepEqual(lines.map((line) => line.slice(0, 1)), ["a", "b", "y", "c"]);
    assert.equal(tooLong, 3);
  }
});

const latest = Date.UTC(2027, 0, 2) / 1000;

const log = (name: string, lines: readonly string[], more: Partial<LogSource> = {}): LogSource => ({
  name,
  latest,
  reopen: true,
  open: () => streamOf(...cut(Buffer.from(lines.join("\n"), "latin1"), [100])),
  ...more,
});

async function read(...sources: LogSource[]) {
  const progress = nothingRead(), taken: (readonly [string | undefined, number | undefined])[] = [];
  const take: Take = ({ text, fields }, at) => text === "" && taken.push([fields.id, at]);
  await readSources(sources, take, progress, () => {});
  return { ids: taken.map(([id]) => id).join(" "), times: taken.map(([, at]) => at), progress };
}

const decision = (stamp: string, id: number | string) =>
  `${stamp} mail greylist[1]: action=greylist, reason=new, id=${id}`;
const at = (minute: number) => `2026-11-26T10:${String(minute).padStart(2, "0")}:00+00:00`;

test("logs are read in the order of time, however they are named and whatever writes to them", async () => {
  const older = log("older", [decision(at(1), 1), decision(at(4), 4), decision(at(5), 5)]);
  const other = log("other", [decision(at(2), 2), decision(at(3), 3), decision(at(6), 6)]);
  const newer = log("newer", [decision(at(7), 7), decision(at(8), 8)]);
  assert.equal((await read(newer, other, older)).ids, "1 2 3 4 5 6 7 8");
});

test("a log is opened only when its time has come", async () => {
  let open = 0, most = 0;
  const counted = (minute: number) => {
    const lines = [decision(at(minute), minute), decision(at(minute), minute)];
    async function* counting() {
      most = Math.max(most, ++open);
      try {
        yield* log("", lines).open();
      } finally {
        open--;
      }
    }
    return log(`${minute}`, [], { open: counting });
  };
  await read(...Array.from({ length: 20 }, (_, n) => counted(2 * n)));
  assert.ok(most <= 2, String(most));
  assert.equal(open, 0);
});

test("what can be read once only is opened once, and nothing of it is lost", async () => {
  let opened = 0;
  const once = log("once", [decision(at(1), 1), decision(at(2), 2)]);
  const open = () => (opened++, once.open());
  assert.equal((await read({ ...once, reopen: false, open })).ids, "1 2");
  assert.equal(opened, 1);
});

test("a line of a clock that is years ahead has no time, and puts no other out of its order", async () => {
  const ahead = "2036-11-26T10:00:00+00:00";
  const one = log("one", [decision(ahead, 1), decision(at(2), 2), decision(at(4), 4)]);
  const other = log("other", [decision(at(3), 3), decision(at(5), 5)]);
  const { ids, times, progress } = await read(one, other);
  assert.equal(ids, "1 2 3 4 5");
  assert.equal(times[0], undefined);
  assert.equal(progress.withoutTime, 1);
});

test("within a log time may go back", async () => {
  const mixed = [decision(at(5), 1), decision(at(3), 2), decision(at(6), 3)];
  const { ids, times } = await read(log("mixed", mixed));
  assert.equal(ids, "1 2 3");
  assert.deepEqual(times, [5, 3, 6].map((n) => Date.UTC(2026, 10, 26, 10, n) / 1000));
});

test("at year's end, and on a leap day, times without a year are those of their log", async () => {
  const local = (...parts: [number, number, number, number, number, number]) =>
    new Date(...parts).getTime() / 1000;
  const end = [decision("Dec 31 23:59:59", 1), decision("Jan  1 00:00:01", 2)];
  assert.deepEqual(
    (await read(log("end", end))).times,
    [local(2026, 11, 31, 23, 59, 59), local(2027, 0, 1, 0, 0, 1)],
  );
  const leap = [decision("Feb 28 23:59:59", 1), decision("Feb 29 12:00:00", 2)];
  const then = log("leap", [...leap, decision("Mar  1 00:00:00", 3)], {
    latest: local(2028, 2, 4, 0, 0, 0),
  });
  assert.deepEqual((await read(then)).times, [
    local(2028, 1, 28, 23, 59, 59),
    local(2028, 1, 29, 12, 0, 0),
    local(2028, 2, 1, 0, 0, 0),
  ]);
});

test("NUL bytes, other programs' lines and lines without a time disturb nobody", async () => {
  const { ids, times, progress } = await read(log("odd", [
    "\0".repeat(4096),
    `${at(1)} mail postfix/smtpd[1]: warning: action=pass, id=9`,
    `${at(1)} mail postfix/smtpd[1]: NOQUEUE: from=<action=pass> action=x`,
    "action=greylist, reason=new, id=1",
    decision(at(2), 2),
    "",
    "{",
  ]));
  assert.equal(ids, "1 2");
  assert.deepEqual(times, [undefined, Date.UTC(2026, 10, 26, 10, 2) / 1000]);
  assert.equal(progress.lines, 7);
});

test("a log that cannot be read is told, and the others are read", async () => {
  const broken = log("broken", [], {
    open: () => {
      async function* fails(): AsyncGenerator<Uint8Array> {
        yield Buffer.from(`${decision(at(1), 1)}\n`);
        throw new Error("EIO");
      }
      return fails();
    },
  });
  const { ids, progress } = await read(broken, log("good", [decision(at(2), 2)]));
  assert.equal(ids, "1 2");
  assert.deepEqual(progress.problems, ["broken: EIO"]);
});
