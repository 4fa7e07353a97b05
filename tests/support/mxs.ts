/**
 * Several MXs that share their state, and mail that goes to whichever of them: new, retrying too early and late
 * enough, and known; every answer judged by what has to be known of that mail.
 */
import { Asker } from "./asker.ts";
import { Daemon } from "./daemon.ts";
import { request } from "./greylist.ts";
import type { Cleanup } from "./process.ts";

/** Seconds that a new mail waits here. */
const delaySeconds = 1;

/**
 * Twice the default: machines that run tests have other work, too, and when all stands still for half a second
 * it is not one server that fails.
 */
const storeTimeoutMilliseconds = 1000;

/** So many daemons, each on a port of its own. */
export async function startMxs(
  t: Cleanup,
  count: number,
  args: readonly string[],
): Promise<Daemon[]> {
  const times = ["--delay", `${delaySeconds}`, "--store-timeout", `${storeTimeoutMilliseconds}ms`];
  const all = [...args, ...times];
  return await Promise.all(Array.from({ length: count }, () => Daemon.start(t, { args: all })));
}

/** From when on a mail first tried at `triedAt` (milliseconds) passes: first attempts are rounded up. */
const passesAfterMilliseconds = 1000 * (delaySeconds + 1) + 50;

/** An answer that took so long may be on-store-failure's: the machine stood still. */
const stalledMilliseconds = 0.9 * storeTimeoutMilliseconds;

/** What is known of a mail from outside. Times are milliseconds of performance.now(). */
interface Mail {
  readonly number: number;
  /** When its first attempt was asked about, and answered. */
  tried: number;
  remembered: number;
  passed: boolean;
}

export interface Outcome {
  readonly answers: number;
  /** What ought not to have been, the first few. */
  readonly wrong: string[];
  /** Answers that were too late to be judged. */
  readonly stalled: number;
  /** When it was asked about, and milliseconds until the answer. */
  readonly times: readonly (readonly [asked: number, took: number])[];
}

/** Asks about mail, on connections that are shared out to the MXs. */
export class Senders {
  readonly #askers: readonly Asker[];
  #next: number;
  #answers = 0;
  #stalled = 0;
  #wrong: string[] = [];
  #times: (readonly [number, number])[] = [];

  /** @param series keeps apart the mails of several */
  constructor(t: Cleanup, mxs: readonly Daemon[], connections: number, series = 0) {
    this.#next = series * 1_000_000;
    this.#askers = Array.from(
      { length: connections },
      (_, n) => new Asker({ host: "127.0.0.1", port: mxs[n % mxs.length]?.port ?? 0 }),
    );
    t.after(() => this.#askers.forEach((asker) => asker.close()));
  }

  /** So many mails that nobody has seen. */
  mails(count: number): Mail[] {
    return Array.from({ length: count }, () => {
      return { number: this.#next++, tried: 0, remembered: 0, passed: false };
    });
  }

  /** Has mails waited and passed, so that they are known. */
  async makeKnown(mails: readonly Mail[]): Promise<void> {
    await this.#askAll(mails);
    await sleep(passesAfterMilliseconds);
    await this.#askAll(mails);
  }

  /** Asks about each of the mails once. */
  async askAbout(mails: readonly Mail[]): Promise<Outcome> {
    await this.#askAll(mails);
    return this.outcome();
  }

  /**
   * On every connection one mail after the other, until told to stop: known ones, new ones, and what is not yet
   * known again and again.
   */
  async go(known: readonly Mail[], going: () => boolean): Promise<void> {
    const waiting: Mail[] = [];
    await Promise.all(this.#askers.map(async (asker, n) => {
      for (let turn = n; going(); turn++) {
        const mail = [
          known[turn * 7 % known.length],
          ...this.mails(1),
          waiting[Math.floor(Math.random() * waiting.length)],
        ][turn % 3];
        if (mail === undefined) continue;
        if (mail.tried === 0) waiting.push(mail);
        await this.#ask(asker, mail);
        if (mail.passed && waiting.includes(mail)) waiting.splice(waiting.indexOf(mail), 1);
        // More than can be kept track of, and all of them retry for a while.
        if (waiting.length > 500) waiting.shift();
        await sleep(20);
      }
    }));
  }

  /** What was seen since it was asked for last. */
  outcome(): Outcome {
    const seen = {
      answers: this.#answers,
      wrong: this.#wrong,
      stalled: this.#stalled,
      times: this.#times,
    };
    [this.#answers, this.#wrong, this.#stalled, this.#times] = [0, [], 0, []];
    return seen;
  }

  async #askAll(mails: readonly Mail[]): Promise<void> {
    let next = 0;
    await Promise.all(this.#askers.map(async (asker) => {
      for (let mail = mails[next++]; mail !== undefined; mail = mails[next++]) {
        await this.#ask(asker, mail);
      }
    }));
  }

  async #ask(asker: Asker, mail: Mail): Promise<void> {
    const { number, passed, remembered } = mail;
    const asked = performance.now();
    const isFirst = mail.tried === 0;
    if (isFirst) mail.tried = asked;
    const answer = await asker.ask(
      request({
        client_address: `20.${number >> 16 & 255}.${number >> 8 & 255}.${number & 255}`,
        client_name: `mx.d${number}.example`,
        sender: `alice@d${number}.example`,
        instance: `${asked}.${number}`,
      }),
      5000,
    );
    this.#answers++;
    if (answer.kind !== "reply") return this.#complain(`mail ${number}: ${answer.kind}`);
    const took = answer.milliseconds;
    this.#times.push([asked, took]);
    const passes = !answer.text.startsWith("action=DEFER_IF_PERMIT ");
    if (took > stalledMilliseconds) return void this.#stalled++;
    if (isFirst) mail.remembered = performance.now();
    const early = asked + took < mail.tried + 1000 * delaySeconds;
    const late = remembered > 0 && asked > remembered + passesAfterMilliseconds;
    const what = isFirst ? "new" : passed ? "known" : early ? "early" : late ? "come back" : "due";
    if (passes ? what === "new" || what === "early" : what === "known" || what === "come back") {
      this.#complain(`${what} mail ${number}: ${answer.text.trim()} after ${took.toFixed(0)} ms`);
    }
    if (passes && what !== "new") mail.passed = true;
  }

  #complain(what: string): void {
    if (this.#wrong.length < 10) this.#wrong.push(what);
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
