/** A million lines in bounded time and memory, however many mails wait at the same time. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { startProgram } from "../support/greylist.ts";
import { mailLog } from "../support/mail_log.ts";
import { tempDir } from "../support/process.ts";

const million = 1_000_000, begin = Date.UTC(2026, 10, 12) / 1000;

/** Of processor time: what else runs on the machine takes none of it. */
const seconds = 10;

/** Of resident memory. The runtime has 90 of them before it reads anything. */
const megabytes = 250;

function* allWait(): Generator<string> {
  for (let n = 0; n < million; n++) {
    yield `2026-11-12T10:00:00+00:00 greylist[1]: action=greylist, reason=new, client_name=mx${n}` +
      `.example.org, client_address=192.0.2.1, sender=user${n}@example.org, ` +
      `recipient=bob@example.com, id=${n.toString(36).padStart(16, "0")}, store=memory`;
  }
}

function writeLog(file: string, lines: Iterable<string>): void {
  const descriptor = fs.openSync(file, "w");
  let text = "";
  for (const line of lines) {
    text += `${line}\n`;
    if (text.length < 1 << 20) continue;
    fs.writeSync(descriptor, text);
    text = "";
  }
  fs.writeSync(descriptor, text);
  fs.closeSync(descriptor);
}

const logs = [
  ["of ordinary mail", () => mailLog(million, begin, 6)],
  ["of mails that all wait at the same time", allWait],
] as const;

for (const [name, lines] of logs) {
  test(`a million lines ${name} are read within ${seconds} s and ${megabytes} MiB`, async (t) => {
    const log = path.join(tempDir(t), "mail.log");
    writeLog(log, lines());
    const running = startProgram(t, ["report", "--json", log]);
    let isOver = false, used = { seconds: 0, megabytes: 0 };
    void running.exited.then(() => isOver = true);
    while (!isOver) {
      used = usedBy(running.pid) ?? used;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(await running.exited, 0, running.stderr());
    const { decisions, waiting } = JSON.parse(running.stdout());
    assert.equal(decisions.all, million);
    assert.equal(waiting.mails, waiting.cameBack + waiting.neverCameBack + waiting.mayStillCome);
    assert.ok(used.megabytes > 0 && used.megabytes < megabytes, `${used.megabytes} MiB`);
    assert.ok(used.seconds < seconds, `${used.seconds} s`);
  });
}

/** What a process has used up to now: seconds of processors, and MiB at its peak; undefined if it has ended. */
function usedBy(pid: number): { seconds: number; megabytes: number } | undefined {
  try {
    const [, peak] = /^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8")) ??
      [];
    // proc(5): behind the name, which may have blanks, user's and system's time are fields 12 and 13, in 1/100 s.
    const [user, system] = fs.readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "")
      .split(" ").slice(11, 13).map(Number);
    if (peak === undefined) return undefined;
    return { seconds: ((user ?? 0) + (system ?? 0)) / 100, megabytes: Number(peak) / 1024 };
  } catch {
    return undefined;
  }
}
