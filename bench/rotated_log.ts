/** A log that is renamed, counted and removed now and then: half an hour of it is a gigabyte. */
import { execFile } from "node:child_process";
import * as fs from "node:fs";
import { promisify } from "node:util";

export class RotatedLog {
  #decisions = 0;
  #bugs = 0;

  constructor(readonly file: string) {}

  async rotate(): Promise<void> {
    const old = `${this.file}.1`;
    // The one before: the daemon has noticed by now that it was renamed.
    if (fs.existsSync(old)) await this.#count(old);
    fs.renameSync(this.file, old);
  }

  /** Counts what there is: decisions, and internal errors. */
  async close(): Promise<{ readonly decisions: number; readonly bugs: number }> {
    for (const file of [`${this.file}.1`, this.file]) {
      if (fs.existsSync(file)) await this.#count(file);
    }
    return { decisions: this.#decisions, bugs: this.#bugs };
  }

  async #count(file: string): Promise<void> {
    const grep = async (text: string) => {
      const { stdout } = await promisify(execFile)("grep", ["-c", text, file]).catch((error) =>
        error as { stdout: string }
      );
      return Number(stdout);
    };
    this.#decisions += await grep("]: action=");
    this.#bugs += await grep("internal error");
    fs.rmSync(file);
  }
}
