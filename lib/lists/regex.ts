/**
 * The engine behind `/regex/` entries: re2js, a port of RE2, whose automata take time linear in the
 * text for every pattern, and which refuses what cannot be matched that way (lookaround,
 * backreferences, huge repetitions). The only module that names it.
 *
 * - Loaded only when a list has a pattern: that, and compiling Debian's 34, takes some 27 ms, which in
 *   spawn mode every process pays.
 * - All patterns of a list become one automaton: trying 34 of them costs less than trying one alone.
 * - Texts are byte strings, so `.` is one byte. Perl's postgrey reads them the same way.
 * - Linear time has the number of states as its factor, so that number has limits. One
 *   pattern made to be slow costs some 10 ms on the longest text made for it, a whole list of them
 *   half a second; the 34 patterns of Debian's list cost less than a microsecond (bench/whitelist.ts).
 */
import type { NewPatternSet } from "./patterns.ts";

const MOST_STATES_PER_PATTERN = 2_000;
const MOST_STATES_PER_LIST = 50_000;

/** Loads the engine. */
export async function loadEngine(): Promise<NewPatternSet> {
  const { RE2JS, RE2JSException, RE2Set } = await import("re2js");

  /** Only counted repetition makes an automaton larger than its pattern is long. */
  const statesOf = (pattern: string) =>
    pattern.includes("{") ? RE2JS.compile(pattern).programSize() : pattern.length;

  return () => {
    const set = new RE2Set(RE2Set.UNANCHORED, RE2JS.CASE_INSENSITIVE);
    let states = 0;
    return {
      add(pattern) {
        try {
          const more = statesOf(pattern);
          if (more > MOST_STATES_PER_PATTERN) {
            return `at most ${MOST_STATES_PER_PATTERN} states, this has ${more}`;
          }
          if (states + more > MOST_STATES_PER_LIST) {
            return `at most ${MOST_STATES_PER_LIST} states in all patterns of a list`;
          }
          set.add(pattern);
          states += more;
          return undefined;
        } catch (error) {
          if (!(error instanceof RE2JSException)) throw error;
          return error.message;
        }
      },
      compile: () => set.compile(),
      find(text) {
        const found = set.match(text);
        return found.length === 0 ? undefined : Math.min(...found);
      },
    };
  };
}
