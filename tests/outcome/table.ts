/** What was measured, and the tables that are made of it. */
import { cases } from "./cases.ts";
import { missed, type Target, targetOf } from "./judge.ts";
import type { Outcome } from "./play.ts";
import type { Case } from "./traffic.ts";

/** The programs that greylist has to be as good as. */
export const others = ["postgrey", "sqlgrey"] as const;

/** A run of all cases, as measured.json holds it. */
export interface Measured {
  /** What was run, in words. */
  readonly made: string;
  /** The programs in the order of their columns. */
  readonly programs: readonly string[];
  /** By the case's title, then by the program's name. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, Outcome>>>>;
}

/** What a program came to in a case. */
export function outcomeOf(measured: Measured, each: Case, program: string): Outcome {
  const outcome = measured.outcomes[each.title]?.[program];
  if (outcome === undefined) throw new Error(`not measured: ${program}, ${each.title}`);
  return outcome;
}

/** What greylist has to reach in a case, given what the others came to. */
export function targetIn(measured: Measured, each: Case): Target {
  return targetOf(each, others.map((name) => outcomeOf(measured, each, name)));
}

/** Two tables in Markdown, real mail and bots, with a line that says what made them. */
export function tables(measured: Measured): string {
  return [
    `Made by \`deno task bench:outcome --write\`: ${measured.made}.`,
    table(measured, "deferrals", "real mail", ({ delayed, deferrals, lost }) => {
      const mails = deferrals === delayed ? "" : ` (${delayed})`;
      return `${deferrals}${mails}${lost > 0 ? `, ${lost} lost` : ""}`;
    }),
    table(measured, "letIn", "bots", ({ letIn }) => String(letIn)),
  ].join("\n\n");
}

/** A row for each case that has such mail, and what counts in those that are judged, together. */
function table(
  measured: Measured,
  counted: keyof Target,
  what: string,
  cell: (outcome: Outcome) => string,
): string {
  const { programs } = measured;
  const those = (each: Case) => each.mails.filter(({ bot }) => bot === (counted === "letIn"));
  const chosen = cases.filter((each) => those(each).length > 0);
  const row = (each: Case) => [
    each.title,
    String(those(each).length),
    ...programs.map((program) => cell(outcomeOf(measured, each, program))),
    atMost(measured, counted, each),
  ];
  const judged = chosen.filter(({ shown }) => !shown);
  const sum = (program: string) =>
    judged.reduce((sum, each) => sum + outcomeOf(measured, each, program)[counted], 0);
  return markdown([
    [what, "mails", ...programs, "at most"],
    ...judged.map(row),
    ["together", "", ...programs.map(sum).map(String), ""],
    ...chosen.filter(({ shown }) => shown).map(row),
  ]);
}

function atMost(measured: Measured, counted: keyof Target, each: Case): string {
  const { [counted]: most } = targetIn(measured, each);
  if (most === undefined) return "–";
  const misses = missed({ [counted]: most }, outcomeOf(measured, each, "greylist"));
  return misses.length > 0 ? `${most}, MISSED` : String(most);
}

/** Columns as wide as `deno fmt` makes them. */
function markdown(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[], fill: string) =>
    `| ${widths.map((width, column) => (cells[column] ?? "").padEnd(width, fill)).join(" | ")} |`;
  return [line(head, " "), line([], "-"), ...rows.slice(1).map((row) => line(row, " "))].join("\n");
}
