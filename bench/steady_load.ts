/**
 * A steady load: requests are sent when they are due, whether or not earlier ones have been answered, and what the
 * answer has to be is known. A quarter are new triplets, a quarter retry, half are known.
 */
import { Asker } from "../tests/support/asker.ts";
import { request } from "../tests/support/greylist.ts";

export const connections = 50;

/** The daemon's setting `delay`. */
export const delaySeconds = 2;

/** By then a retry passes, also when times are cut to whole seconds. */
const retryMilliseconds = 1000 * (delaySeconds + 2);

/** How many triplets are known from the beginning. */
const known = 5000;

const dunno = "action=DUNNO\n\n";
const answers = {
  defer: /^action=DEFER_IF_PERMIT .*\n\n$/,
  pass: /^action=(DUNNO|PREPEND .*)\n\n$/,
};

/** An answer later than this counts as none. */
const patienceMilliseconds = 5000;

export class SteadyLoad {
  answered = 0;
  /** New triplets; those of them that passed at once, as on-store-failure says. */
  fresh = 0;
  storeFailures = 0;
  readonly #wrong = new Map<string, number>();
  readonly #idle: Asker[];
  /** What is due and has no connection yet. */
  readonly #waiting: ((asker: Asker) => void)[] = [];
  /** New triplets and when they were deferred, oldest first. */
  readonly #deferred: { readonly number: number; readonly at: number }[] = [];
  #numbers = known;
  #turn = 0;

  constructor(port: number) {
    this.#idle = Array.from({ length: connections }, () => new Asker({ host: "127.0.0.1", port }));
  }

  get problems(): string[] {
    return [...this.#wrong].map(([what, times]) => `${times} × ${what}`);
  }

  /** Has the known triplets pass; one that a late store has not remembered at first gets another chance. */
  async getKnown(): Promise<void> {
    let waiting = Array.from({ length: known }, (_, number) => number);
    await Promise.all(waiting.map((number) => this.#send(number)));
    while (waiting.length > 0) {
      await new Promise((resolve) => setTimeout(resolve, retryMilliseconds));
      const texts = await Promise.all(waiting.map((number) => this.#send(number)));
      waiting = waiting.filter((_, n) => !answers.pass.test(texts[n] ?? ""));
    }
  }

  /** Asks so often a second, for so many of them; gives the answers' times in milliseconds, sorted. */
  async run(rate: number, seconds: number): Promise<number[]> {
    const times: number[] = [], asked: Promise<void>[] = [], began = performance.now();
    for (let sent = 0; sent < rate * seconds;) {
      const due = Math.min((performance.now() - began) / 1000, seconds) * rate;
      for (; sent < due; sent++) {
        const at = began + 1000 * sent / rate;
        asked.push(this.#askNext().then(() => void times.push(performance.now() - at)));
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await Promise.all(asked);
    return times.sort((a, b) => a - b);
  }

  /** A new triplet, a known one, one that comes again, a known one. */
  async #askNext(): Promise<void> {
    const turn = this.#turn++, [oldest] = this.#deferred;
    if (turn % 2 === 1) return this.#ask(turn % known, "pass");
    const retries = turn % 4 === 2 && oldest !== undefined &&
      performance.now() > oldest.at + retryMilliseconds;
    if (retries) return this.#ask(this.#deferred.shift()?.number ?? 0, "pass");
    const number = this.#numbers++;
    this.fresh++;
    const text = await this.#send(number);
    if (text === dunno) this.storeFailures++;
    else if (this.#right(text, "defer")) this.#deferred.push({ number, at: performance.now() });
  }

  async #ask(number: number, wanted: keyof typeof answers): Promise<void> {
    this.#right(await this.#send(number), wanted);
  }

  /** Whether an answer is the one that was wanted; when it is not, it is a problem. */
  #right(text: string, wanted: keyof typeof answers): boolean {
    if (answers[wanted].test(text)) return true;
    const wrong = `${JSON.stringify(text)} in place of ${wanted}`;
    this.#wrong.set(wrong, 1 + (this.#wrong.get(wrong) ?? 0));
    return false;
  }

  /** Gives the answer, and what came with it that was not asked for; or why there is none. */
  async #send(number: number): Promise<string> {
    const asker = this.#idle.pop() ??
      await new Promise<Asker>((resolve) => void this.#waiting.push(resolve));
    const answer = await asker.ask(triplet(number), patienceMilliseconds);
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(asker);
    else next(asker);
    if (answer.kind !== "reply") return answer.kind;
    this.answered++;
    return answer.text + asker.unasked;
  }
}

function triplet(number: number): string {
  const domain = `sender${number.toString(36)}.example`;
  return request({
    client_name: `mx.${domain}`,
    client_address: `10.${number >> 16 & 255}.${number >> 8 & 255}.${number & 255}`,
    sender: `user@${domain}`,
    instance: `soak.${performance.now()}.${number}`,
  });
}
