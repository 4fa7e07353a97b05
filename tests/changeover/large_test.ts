/** An import takes no more memory for more of it: three times as many triplets, into SQLite and a real memcached. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { startProgram } from "../support/greylist.ts";
import { startMemcached } from "../support/memcached.ts";
import { type Cleanup, tempDir } from "../support/process.ts";

const now = Math.floor(Date.now() / 1000);
const few = 60_000, many = 3 * few;

/** What an import may differ by that has nothing to do with how much it is. */
const slackKilobytes = 64 * 1024;

/** A dump of triplets, each of a sender and a network of its own. */
function writeDump(file: string, count: number): void {
  const fd = fs.openSync(file, "w");
  fs.writeSync(fd, "VERSION=3\nformat=print\ntype=btree\nHEADER=END\n");
  for (let i = 0; i < count; i += 1000) {
    const entries = Array.from({ length: 1000 }, (_, j) => {
      const n = i + j, network = `${11 + n % 150}.${(n >> 3) & 255}.${(n >> 11) & 255}.0`;
      return ` ${network}/sender${n}@firma${n}.example/user@ours.example\n ${now - 900},${now}\n`;
    });
    fs.writeSync(fd, entries.join(""));
  }
  fs.writeSync(fd, "DATA=END\n");
  fs.closeSync(fd);
}

/** Imports, and gives the most memory that it took, in kilobytes. */
async function peakOf(t: Cleanup, dump: string, store: string): Promise<number> {
  const running = startProgram(t, ["import", "--from", "postgrey", "--store", store, dump]);
  let status: number | string | undefined, peak = 0;
  void running.exited.then((value) => status = value);
  while (status === undefined) {
    const lines = fs.existsSync(`/proc/${running.pid}/status`)
      ? fs.readFileSync(`/proc/${running.pid}/status`, "latin1")
      : "";
    peak = Math.max(peak, Number(/^VmHWM:\s+(\d+)/m.exec(lines)?.[1] ?? 0));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(status, 0, running.stderr());
  assert.ok(peak > 0);
  return peak;
}

test("an import takes no more memory for three times as many triplets", async (t) => {
  const folder = tempDir(t), small = path.join(folder, "small"), large = path.join(folder, "large");
  writeDump(small, few);
  writeDump(large, many);
  const { server } = await startMemcached(t, { args: ["-m", "256"] });
  for (const store of [`sqlite:${folder}/state.db`, `memcached:${server}`]) {
    const before = await peakOf(t, small, store), after = await peakOf(t, large, store);
    assert.ok(after < before + slackKilobytes, `${store}: ${before} kB, then ${after} kB`);
  }
});
