/**
 * What the program may answer, as far as can be known from outside: the reference, and for every record all the
 * values that it may have. It is one, until a write may or may not have taken effect, because the store failed
 * meanwhile; each answer then rules out some of them again.
 */
import {
  type Answer,
  isOptional,
  isOver,
  judge,
  learned,
  type Letter,
  type Mail,
  pairOf,
  recordsOf,
  type Settings,
  type Value,
} from "./reference.ts";

/** What an outcome leaves under each name that the mail depends on. */
interface Outcome {
  readonly answer: Answer;
  readonly left: ReadonlyMap<string, readonly (Value | undefined)[]>;
}

/** What on-store-failure says; the model test always has it accept. */
const whileBroken: Answer = "pass";

export class Expectation {
  /** Possible values, where there is anything to know. */
  #records = new Map<string, readonly (Value | undefined)[]>();
  /** Transactions that have their header; the program forgets them when it ends. */
  #marked = new Set<string>();

  constructor(private readonly settings: Settings) {}

  /**
   * Takes the answer to a mail, or gives back what would have been right.
   *
   * @param broken whether the store may fail at this moment
   */
  take(mail: Mail, transaction: string, now: number, answer: Answer, broken: boolean): Answer[] {
    const marked = this.#marked.has(transaction);
    const outcomes = this.#outcomes(mail, now, broken).map((outcome) =>
      marked ? { ...outcome, answer: outcome.answer.replace(/^header .*/, "pass") } : outcome
    );
    const right = outcomes.filter((outcome) => outcome.answer === answer);
    if (right.length === 0) return [...new Set(outcomes.map((outcome) => outcome.answer))];
    for (const name of recordsOf(mail, this.settings)) {
      this.#records.set(name, distinct(right.flatMap(({ left }) => left.get(name) ?? [])));
    }
    if (answer.startsWith("header ")) this.#marked.add(transaction);
    return [];
  }

  /** Takes note of a letter, written while the store was well. Gives whether it teaches anything. */
  takeLetter({ from, to }: Letter, now: number): boolean {
    const name = pairOf(to, from, this.settings);
    if (name === undefined) return false;
    const before = this.#records.get(name) ?? [undefined];
    this.#records.set(name, distinct(before.map((value) => learned(value, now, this.settings))));
    return true;
  }

  /** The program has ended, and with it what it alone knew. */
  programEnded(): void {
    this.#marked.clear();
  }

  /** The store has lost everything. */
  storeEmptied(): void {
    this.#records.clear();
  }

  /** The clock is about to be set back: a store may have let go of what was over at `now`. */
  clockGoesBack(now: number): void {
    for (const [name, values] of this.#records) {
      const over = values.some((value) => value !== undefined && isOver(value, now, this.settings));
      if (over) this.#records.set(name, distinct([...values, undefined]));
    }
  }

  #outcomes(mail: Mail, now: number, broken: boolean): Outcome[] {
    const names = recordsOf(mail, this.settings);
    const all = names.map((name) => this.#records.get(name) ?? [undefined]);
    return combinations(all).flatMap((values) => {
      const before = new Map(names.map((name, i) => [name, values[i]]));
      if (!broken) return [this.#outcome(mail, now, before, before, false)];
      if (names.length === 0) return [this.#outcome(mail, now, before, before, true)];
      const without = new Map([...before].filter(([name]) => !isOptional(name)));
      const outcomes = [before, without].map((known) =>
        this.#outcome(mail, now, before, known, true)
      );
      return [...outcomes, ...outcomes.map(({ left }) => ({ answer: whileBroken, left }))];
    });
  }

  /** With that much `known` of what there is `before`; of what is written any part may get there if `broken`. */
  #outcome(
    mail: Mail,
    now: number,
    before: ReadonlyMap<string, Value | undefined>,
    known: ReadonlyMap<string, Value | undefined>,
    broken: boolean,
  ): Outcome {
    const { answer, writes } = judge(known, mail, now, this.settings);
    const left = new Map([...before].map(([name, old]) => {
      const after = writes.has(name) ? writes.get(name) : old;
      return [name, broken ? [old, after] : [after]];
    }));
    return { answer, left };
  }
}

/** Every way to take one of each. */
function combinations<T>(lists: readonly (readonly T[])[]): T[][] {
  return lists.reduce<T[][]>(
    (begun, list) => begun.flatMap((taken) => list.map((one) => [...taken, one])),
    [[]],
  );
}

function distinct(values: readonly (Value | undefined)[]): (Value | undefined)[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}
