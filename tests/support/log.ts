/** A log destination that keeps what is written. */
import type { Destination, Level } from "../../lib/log/queue.ts";

export interface KeptLog {
  readonly destination: Destination;
  /** What has been written. */
  readonly lines: string[];
  /** How many lines came in each write. */
  readonly writes: number[];
  /** What becomes of the next writes: it may reject, hang, or say how many lines are taken if not all. */
  broken?: (() => Promise<number | undefined>) | undefined;
}

/** @param text what a line is written as */
export function keptLog(text = (line: string, _level: Level) => line): KeptLog {
  const lines: string[] = [], writes: number[] = [];
  const kept: KeptLog = {
    lines,
    writes,
    destination: {
      frame: text,
      async write(frames) {
        const taken = await kept.broken?.() ?? frames.length;
        writes.push(taken);
        lines.push(...frames.slice(0, taken));
        return taken;
      },
      close() {},
    },
  };
  return kept;
}
