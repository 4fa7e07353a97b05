/** Taking the steps of a list's reading, without standing in anybody's way. */
import type { Reading } from "./reading.ts";

/** How long, in milliseconds, nobody else gets a turn. Small lists are read sooner than that. */
const sliceMilliseconds = 5;

/** Reads a list to its end. */
export async function finish<Result>(reading: Reading<Result>): Promise<Result> {
  let began = performance.now(), step = reading.next();
  while (step.done !== true) {
    if (step.value === "engine") {
      const { loadEngine } = await import("./regex.ts");
      step = reading.next(await loadEngine());
      continue;
    }
    if (performance.now() - began > sliceMilliseconds) {
      // Not setImmediate: Deno 2.9 runs one after the other for half a second before it looks at a socket.
      await new Promise((resolve) => setTimeout(resolve, 0));
      began = performance.now();
    }
    step = reading.next();
  }
  return step.value;
}
