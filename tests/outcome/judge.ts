/**
 * What greylist has to reach in a case.
 *
 * Of real mail no more deferrals than the better of the others, and two at most or as many as the case says; none is
 * lost. Of the bots no more let in than by the better of the others, and none where they are the neighbours of
 * somebody who is known.
 */
import type { Outcome } from "./play.ts";
import type { Case } from "./traffic.ts";

/** The most that is all right; undefined where there is no such mail, or where the case is not judged. */
export interface Target {
  readonly deferrals?: number;
  readonly letIn?: number;
}

/** What a case asks for, given what the others came to. */
export function targetOf(each: Case, others: readonly Outcome[]): Target {
  if (each.shown) return {};
  const deferrals = Math.min(each.deferrals ?? 2, ...others.map(({ deferrals }) => deferrals));
  const letIn = each.neighbours ? 0 : Math.min(...others.map(({ letIn }) => letIn));
  return {
    ...each.mails.some(({ bot }) => !bot) && { deferrals },
    ...each.mails.some(({ bot }) => bot) && { letIn },
  };
}

/** What an outcome misses; empty if nothing. */
export function missed({ deferrals, letIn }: Target, outcome: Outcome): string[] {
  const misses = [];
  if (deferrals !== undefined && outcome.deferrals > deferrals) {
    misses.push(`${outcome.deferrals} deferrals, ${deferrals} at most`);
  }
  if (deferrals !== undefined && outcome.lost > 0) misses.push(`${outcome.lost} lost, none wanted`);
  if (letIn !== undefined && outcome.letIn > letIn) {
    misses.push(`${outcome.letIn} bots let in, ${letIn} at most`);
  }
  return misses;
}
