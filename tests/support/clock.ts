/**
 * A wall clock that tests move, for programs that have none to set: libfaketime gives every call for the time
 * what a file says. Timers go by the monotonic clock, which stays what it is.
 * Needs the Debian package libfaketime.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { atEnd, type Cleanup, tempDir } from "./process.ts";

export interface Clock {
  /** Words for env(1), before the program that is to go by this clock. */
  readonly env: readonly string[];
  /** Moves it; where to, the clock's maker says. */
  moveTo(seconds: number): void;
  /** Tells of a process that goes by this clock. One that ends without exit(3) leaves shared memory behind. */
  drives(pid: number): void;
}

/** Makes a clock that goes on from now; `moveTo` puts it so many seconds ahead of the real one, or behind. */
export function fakedClock(t: Cleanup): Clock {
  const clock = clockOf(t, (seconds) => `${seconds < 0 ? "" : "+"}${seconds}`);
  clock.moveTo(0);
  return clock;
}

/** Makes a clock that stands still, at the UNIX time, with its fraction, of the last `moveTo`. */
export function standingClock(t: Cleanup, seconds: number): Clock {
  const clock = clockOf(t, (time) => time.toFixed(3), "FAKETIME_FMT=%s");
  clock.moveTo(seconds);
  return clock;
}

/** The same clock for a program that counts by the monotonic one, as memcached does with what expires. */
export function monotonicToo(clock: Clock): Clock {
  return { ...clock, env: clock.env.filter((word) => word !== wallClockOnly) };
}

const wallClockOnly = "FAKETIME_DONT_FAKE_MONOTONIC=1";

function clockOf(t: Cleanup, format: (seconds: number) => string, ...more: string[]): Clock {
  const file = path.join(tempDir(t), "clock");
  const pids: number[] = [];
  atEnd(t, () => {
    for (const name of pids.flatMap((pid) => [`faketime_shm_${pid}`, `sem.faketime_sem_${pid}`])) {
      fs.rmSync(path.join("/dev/shm", name), { force: true });
    }
  });
  return {
    env: [
      `LD_PRELOAD=${library()}`,
      `FAKETIME_TIMESTAMP_FILE=${file}`,
      "FAKETIME_NO_CACHE=1",
      wallClockOnly,
      ...more,
    ],
    moveTo(seconds) {
      // Never half a file: the program may be looking.
      fs.writeFileSync(`${file}.new`, `${format(seconds)}\n`);
      fs.renameSync(`${file}.new`, file);
    },
    drives: (pid) => void pids.push(pid),
  };
}

/** Debian keeps libraries in a folder named after the architecture. */
function library(): string {
  const found = fs.readdirSync("/usr/lib")
    .map((folder) => path.join("/usr/lib", folder, "faketime/libfaketime.so.1"))
    .find((file) => fs.existsSync(file));
  if (found === undefined) {
    throw new Error(
      "libfaketime is not there: apt-get install --no-install-recommends libfaketime",
    );
  }
  return found;
}
