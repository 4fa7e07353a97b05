/** How the benches of speed tell what they have measured: on the terminal, and with --write in doc/performance.md. */
import { execFileSync } from "node:child_process";
import * as os from "node:os";
import process from "node:process";
import { replaceSection } from "../tests/support/section.ts";

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Replaces a section of doc/performance.md. */
export function write(section: string, text: string): void {
  replaceSection(new URL("../doc/performance.md", import.meta.url), section, text);
}

export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? NaN;
}

/** The median, and in brackets the least and the most. */
export function spread(numbers: readonly number[], digits = 0): string {
  const text = (number: number) => number.toFixed(digits);
  return `${text(median(numbers))} (${text(Math.min(...numbers))}–${text(Math.max(...numbers))})`;
}

/** The machine, and what of it others use while nothing is measured. Takes a second. */
export async function machine(): Promise<string> {
  const before = os.cpus();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const spent = (of: (times: ReturnType<typeof os.cpus>[number]["times"]) => number) =>
    os.cpus().reduce((sum, { times }, n) => sum + of(times) - of(before[n]?.times ?? times), 0);
  const all = spent(({ user, nice, sys, idle, irq }) => user + nice + sys + idle + irq);
  const busy = 100 * (1 - spent(({ idle }) => idle) / all);
  const commit = execFileSync("git", ["describe", "--always", "--dirty"], { encoding: "utf8" });
  return [
    `${before.length} cores (${before[0]?.model.trim()})`,
    `${(os.totalmem() / 2 ** 30).toFixed(0)} GiB of memory`,
    `${os.type()} ${os.release().replace(/-.*/, "")}`,
    `commit ${commit.trim()}`,
    `${busy.toFixed(0)} % busy with something else before the run`,
  ].join(", ");
}

/** The words of an option that lists some of `all`. */
export function chosen<Name extends string>(
  option: string,
  text: string,
  all: readonly Name[],
): Name[] {
  return text.split(",").map((word) => {
    const found = all.find((name) => name === word);
    if (found === undefined) throw new Error(`--${option} ${word}: wanted some of ${all.join()}`);
    return found;
  });
}

/** The numbers of an option that lists some, or is one. */
export function numbers(option: string, text: string): number[] {
  return text.split(",").map((word) => {
    if (!(Number(word) > 0)) throw new Error(`--${option} ${word}: wanted a number`);
    return Number(word);
  });
}
