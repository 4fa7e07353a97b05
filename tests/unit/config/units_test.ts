import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  formatDuration,
  parseDuration,
  parseInteger,
  parseSize,
} from "../../../lib/config/units.ts";

test("durations are read in Postfix's units and in milliseconds", () => {
  const durations = { "0": 0, "300": 300, "30s": 30, "5m": 300, "12h": 43_200, "2d": 172_800 };
  for (const [text, seconds] of Object.entries(durations)) {
    assert.equal(parseDuration(text), seconds);
  }
  assert.equal(parseDuration("1w"), 604_800);
  assert.equal(parseDuration("500ms"), 0.5);
});

test("what is no duration is refused, and quoted", () => {
  for (const text of ["", "5 minutes", "-1", "1.5m", "5M", "m", "1e3", "99999999999"]) {
    assert.throws(() => parseDuration(text), (error: Error) => error.message.includes(`"${text}"`));
  }
});

test("a duration is written so that it reads back", () => {
  fc.assert(fc.property(fc.nat(99_999_999), (seconds) => {
    assert.equal(parseDuration(formatDuration(seconds)), seconds);
  }));
  assert.equal(formatDuration(300), "5m");
  assert.equal(formatDuration(0.5), "500ms");
});

test("as many weeks as can be read are written so that they can be read again", () => {
  const seconds = parseDuration("999999999w");
  assert.equal(formatDuration(seconds), "999999999w");
  assert.equal(parseDuration(formatDuration(seconds)), seconds);
});

test("sizes are bytes, KiB or MiB", () => {
  for (const text of ["65536", "64k", "64 KiB", "64K"]) assert.equal(parseSize(text), 65_536);
  assert.equal(parseSize("1 MiB"), 1024 ** 2);
  for (const text of ["", "64 kB!", "x", "-1", "1.5k"]) assert.throws(() => parseSize(text));
});

test("integers have bounds", () => {
  assert.equal(parseInteger("1", 1, 32), 1);
  for (const text of ["0", "33", "1.0", "", "+1", "0x10"]) {
    assert.throws(() => parseInteger(text, 1, 32), /from 1 to 32/);
  }
});
