/** The run of an import, as whoever has started it sees it: how far it is, what could not be read, what it came to. */
import { type Findings, SourceError } from "../moves/finding.ts";
import type { Intake } from "../moves/intake.ts";
import { Progress } from "./progress.ts";
import { print, tell } from "./terminal.ts";

/** A source that has given its first entries, or has none. */
export interface Begun {
  readonly name: string;
  readonly source: Findings;
  readonly first: Awaited<ReturnType<Findings["next"]>>;
}

/** So many lines that cannot be read are told one by one. */
const mostTold = 20;

/** How a file is named to people. */
export function nameOf(name: string): string {
  return name === "-" ? "standard input" : name;
}

/**
 * Brings in all that the sources give, up to one that cannot be read on. Gives whether all of it could be read.
 * Rejects with a StoreError.
 *
 * @param isTrial nothing is written; says so
 */
export async function takeAll(
  sources: readonly Begun[],
  intake: Intake,
  isTrial: boolean,
): Promise<boolean> {
  const progress = new Progress(), leftOut = new Map<string, number>();
  let read = 0, bad = 0, isWhole = true;
  const say = (problem: string) => {
    progress.clear();
    tell([problem]);
  };
  try {
    for (const { name, source, first } of sources) {
      for (let piece = first; !piece.done; piece = await source.next()) {
        for (const finding of piece.value) {
          read++;
          if ("item" in finding) intake.add(finding.item);
          else if ("leftOut" in finding) {
            leftOut.set(finding.leftOut, (leftOut.get(finding.leftOut) ?? 0) + 1);
          } else if (bad++ < mostTold) say(`${nameOf(name)}: ${finding.where}: ${finding.bad}`);
        }
        await intake.settle();
        progress.show(() => `${nameOf(name)}: ${counted(read)}`);
      }
    }
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    isWhole = false;
    say(error.message);
  } finally {
    progress.clear();
  }
  await intake.end();
  if (bad > mostTold) tell([`${bad - mostTold} more cannot be read`]);
  const { written, known, expired } = intake.counts;
  const parts = [
    `${isTrial ? "would import" : "imported"} ${counted(written)} of ${read} read`,
    known > 0 && `${known} known already`,
    expired > 0 && `${expired} expired`,
    bad > 0 && `${bad} that cannot be read`,
  ];
  print(parts.filter((part) => part !== false).join(", "));
  for (const [why, number] of leftOut) print(`left out: ${counted(number)} ${why}`);
  return isWhole && bad === 0;
}

function counted(number: number): string {
  return number === 1 ? "1 entry" : `${number} entries`;
}
