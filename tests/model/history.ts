/** What may happen, step by step, and a run of it: the real program beside the reference. */
import fc from "fast-check";
import { withCleanup } from "../support/process.ts";
import { Expectation } from "./expectation.ts";
import { describeLetter, describeMail, letters, mails } from "./mails.ts";
import type { Letter, Mail, Settings } from "./reference.ts";
import { type Fault, faults, type StoreKind, World } from "./world.ts";

export type Step =
  /** `sameMail`: another recipient of the transaction before. */
  | { readonly kind: "mail"; readonly mail: Mail; readonly sameMail: boolean }
  | { readonly kind: "letter"; readonly letter: Letter }
  | { readonly kind: "clock"; readonly seconds: number }
  | { readonly kind: "restart"; readonly signal: "SIGTERM" | "SIGKILL" }
  | { readonly kind: "fault"; readonly fault: Fault; readonly mails: readonly Mail[] };

export interface History {
  readonly settings: Settings;
  readonly steps: readonly Step[];
}

const minute = 60, hour = 60 * minute, day = 24 * hour;

const settings: fc.Arbitrary<Settings> = fc.record({
  delay: fc.constantFrom(5 * minute, minute, 1, 0),
  "retry-window": fc.constantFrom(2 * day, hour),
  "max-age": fc.constantFrom(35 * day, 2 * day),
  "auto-whitelist": fc.constantFrom(2, 5, 0),
  "auto-whitelist-senders": fc.constantFrom(1, 1, 0),
  "auto-whitelist-domains": fc.constantFrom(2, 3, 0),
  "client-identity": fc.constantFrom("name" as const, "name" as const, "network" as const),
  "identify-by": fc.constantFrom(
    ...["client,sender,recipient", "client,sender,recipient", "client,recipient"] as const,
  ),
  "learn-correspondents": fc.constantFrom("yes" as const, "yes" as const, "no" as const),
  spf: fc.constantFrom("yes" as const, "no" as const),
  greylist: fc.constantFrom("all" as const, "all" as const, "suspicious" as const),
});

/** Steps of the clock, among them to both sides of every time that decides. */
function clockSteps(settings: Settings): fc.Arbitrary<number> {
  const edges = [
    settings.delay,
    settings.delay,
    hour,
    settings["retry-window"],
    settings["max-age"],
    7 * day,
  ];
  return fc.oneof(
    fc.constantFrom(0.25, 0.75, 1, 2, 30),
    fc.constantFrom(...edges).chain((edge) =>
      fc.constantFrom(-1, -0.5, 0, 0, 0.5, 1, 2).map((more) => Math.max(0.5, edge + more))
    ),
    fc.integer({ min: 1, max: 10 * minute }),
    { weight: 1, arbitrary: fc.constantFrom(-0.5, -1, -3, -10) },
  );
}

/** What may happen with such a store. */
function steps(store: StoreKind, settings: Settings): fc.Arbitrary<Step> {
  const mail = fc.record({
    kind: fc.constant("mail" as const),
    mail: mails,
    sameMail: fc.nat(9).map((die) => die === 0),
  });
  const clock = fc.record({ kind: fc.constant("clock" as const), seconds: clockSteps(settings) });
  const restart = fc.record({
    kind: fc.constant("restart" as const),
    signal: fc.constantFrom("SIGTERM" as const, "SIGKILL" as const),
  });
  const all: { weight: number; arbitrary: fc.Arbitrary<Step> }[] = [
    { weight: 600, arbitrary: mail },
    { weight: 15, arbitrary: fc.record({ kind: fc.constant("letter" as const), letter: letters }) },
    { weight: 300, arbitrary: clock },
    { weight: 5, arbitrary: restart },
  ];
  if (faults[store].length > 0) {
    const fault = fc.record({
      kind: fc.constant("fault" as const),
      fault: fc.constantFrom<Fault>(...faults[store]),
      mails: fc.array(mails, { minLength: 1, maxLength: 3 }),
    });
    all.push({ weight: 3, arbitrary: fault });
  }
  return fc.oneof(...all);
}

/** A history of so many steps; the same for the same seed. */
export function randomHistory(store: StoreKind, length: number, seed: number): History {
  const [chosen] = fc.sample(settings, { seed, numRuns: 1 });
  if (chosen === undefined) throw new Error("no settings");
  return { settings: chosen, steps: fc.sample(steps(store, chosen), { seed, numRuns: length }) };
}

/** What was not as the reference has it, at which step. */
export interface Difference {
  readonly step: number;
  readonly problem: string;
}

/** The clock at the beginning of every history; with a fraction, as clocks have it. */
const beginning = 1_800_000_000.25;

/** Lets it happen; gives the first difference. */
export function play(
  store: StoreKind,
  { settings, steps }: History,
): Promise<Difference | undefined> {
  return withCleanup(async (t) => {
    let now = beginning, transaction = 0;
    const world = await World.open(t, store, settings, now);
    const expectation = new Expectation(settings);
    const ask = async (mail: Mail, broken: boolean): Promise<string | undefined> => {
      const answer = await world.ask(mail, `${transaction}`);
      const wanted = expectation.take(mail, `${transaction}`, now, answer, broken);
      return wanted.length === 0 ? undefined : `got "${answer}", wanted "${wanted.join('" or "')}"`;
    };
    const take = async (step: Step): Promise<string | undefined> => {
      switch (step.kind) {
        case "mail":
          if (!step.sameMail) transaction++;
          return await ask(step.mail, false);
        case "letter":
          await world.write(step.letter, expectation.takeLetter(step.letter, now));
          return undefined;
        case "clock":
          if (step.seconds < 0) expectation.clockGoesBack(now);
          await world.moveClock(now += step.seconds);
          return undefined;
        case "restart":
          await world.restart(step.signal);
          expectation.programEnded();
          if (store === "memory") expectation.storeEmptied();
          return undefined;
        case "fault": {
          const end = await world.fault(step.fault);
          if (step.fault === "gone") expectation.storeEmptied();
          for (const mail of step.mails) {
            transaction++;
            const problem = await ask(mail, true);
            if (problem !== undefined) return problem;
          }
          await end();
          // Whatever was written before is gone; what the store missed never came to it.
          if (step.fault === "gone") expectation.storeEmptied();
          return undefined;
        }
      }
    };
    for (const [i, step] of steps.entries()) {
      const problem = await take(step);
      if (problem !== undefined) return { step: i, problem: `${problem}\n${world.lastLines()}` };
    }
    const [complaint] = /^.*(?:internal error|could not be read).*$/m.exec(world.log()) ?? [];
    return complaint === undefined ? undefined : { step: steps.length - 1, problem: complaint };
  });
}

/**
 * The shortest part of a history that still makes a difference, as far as it can be found in that time: what
 * comes behind the difference goes, and then smaller and smaller pieces, as long as one is left (delta debugging).
 */
export async function shortest(
  store: StoreKind,
  history: History,
  difference: Difference,
  milliseconds: number,
): Promise<{ readonly history: History; readonly difference: Difference }> {
  const end = performance.now() + milliseconds;
  let found = { history: upTo(history, difference), difference };
  let size = Math.ceil(found.history.steps.length / 2);
  while (size >= 1) {
    let shorter = false;
    // The last step is the one that shows it.
    for (let from = found.history.steps.length - 1 - size; from >= 0; from -= size) {
      if (performance.now() > end) return found;
      const { settings, steps } = found.history;
      if (from >= steps.length - 1) continue;
      const rest = { settings, steps: steps.toSpliced(from, size) };
      const next = await play(store, rest);
      if (next === undefined) continue;
      found = { history: upTo(rest, next), difference: next };
      shorter = true;
    }
    if (size > 1 || !shorter) size = Math.floor(size / 2);
  }
  return found;
}

const upTo = ({ settings, steps }: History, { step }: Difference): History => ({
  settings,
  steps: steps.slice(0, step + 1),
});

/** For people. */
export function describe({ settings, steps }: History, { problem }: Difference): string {
  const lines = steps.map((step) => {
    if (step.kind === "mail") return `${step.sameMail ? "and " : ""}${describeMail(step.mail)}`;
    if (step.kind === "letter") return describeLetter(step.letter);
    if (step.kind === "clock") return `${step.seconds} s later`;
    if (step.kind === "restart") return `the program is restarted by ${step.signal}`;
    return `the store is ${step.fault} for: ${step.mails.map(describeMail).join("; ")}`;
  });
  return [JSON.stringify(settings), ...lines, problem].join("\n");
}
