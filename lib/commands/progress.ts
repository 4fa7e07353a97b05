/** How far something is that takes long, for whoever looks on: one line on a terminal, and nothing elsewhere. */
import * as fs from "node:fs";
import * as tty from "node:tty";

/** Between two of them. */
const everyMilliseconds = 500;

const clearLine = "\r\x1b[K";

export class Progress {
  readonly #isSeen = tty.isatty(2);
  #next = performance.now() + everyMilliseconds;
  #isShown = false;

  /** Shows `text` in place of what was shown before, if it is time to. */
  show(text: () => string): void {
    if (!this.#isSeen || performance.now() < this.#next) return;
    this.#next = performance.now() + everyMilliseconds;
    this.#isShown = true;
    fs.writeSync(2, clearLine + text());
  }

  /** Takes away what is shown: something else is to be told. */
  clear(): void {
    if (this.#isShown) fs.writeSync(2, clearLine);
    this.#isShown = false;
  }
}
