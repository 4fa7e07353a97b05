/**
 * Mail that goes on while something is broken: connections that ask about new triplets and about known ones, others
 * on which users write, and every answer judged at once. A new triplet is never let through as a known one, no answer is
 * another request's, and nothing comes that was not asked for.
 */
import process from "node:process";
import { request } from "../support/greylist.ts";
import { Asker } from "../support/asker.ts";

/** What the answers have to be: those of a greylister, those of one without its store, or either. */
export type Expectation = "ordinary" | "on-store-failure" | "either";

/** What the load has seen. */
export interface Seen {
  asked: number;
  /** Connections that were ended in place of an answer, and that could not be made. */
  closed: number;
  refused: number;
  /** New triplets, by answer. */
  deferred: number;
  passed: number;
  /** Milliseconds, one for each answer about a triplet, and one for each about a user's letter. */
  times: number[];
  letterTimes: number[];
}

const dunno = "action=DUNNO\n\n";
/** The arguments that make the program say whose answer it is. */
export const answersSayWhose = [
  ...["--text", "4.2.0 for %r", "--delay", "0", "--learn-correspondents"],
];

/** How long each connection rests between an answer and the next request, in milliseconds. */
const restMilliseconds = 30;

/** An answer that took so long may be on-store-failure's, whatever is expected: the machine stood still. */
const stalledMilliseconds = 400;

/** On how many connections users write. */
const usersWriting = 2;

let triplets = 0, letters = 0;

export class Load {
  /** What was wrong, the first few. */
  readonly wrong: string[] = [];
  /** Whether the known triplets must still be known. */
  remembers = true;
  #expectation: Expectation = "either";
  /** Counts changes of the expectation: an answer to a question from before may be either. */
  #epoch = 0;
  #seen = nothingSeen();
  #stopped = false;
  readonly #askers: readonly Asker[];
  readonly #loops: readonly Promise<void>[];

  /** @param patienceMilliseconds how long an answer may take before it counts as none */
  constructor(port: number, connections: number, private readonly patienceMilliseconds: number) {
    const where = { host: "127.0.0.1", port };
    this.#askers = Array.from({ length: connections + usersWriting }, () => new Asker(where));
    this.#loops = this.#askers.map((asker, n) =>
      n < connections ? this.#loop(asker, n) : this.#write(asker)
    );
  }

  /** Whether all connections are there. */
  get complete(): boolean {
    return this.#askers.every(({ connected }) => connected);
  }

  /** From now on. */
  expect(expectation: Expectation): void {
    this.#expectation = expectation;
    this.#epoch++;
    this.#seen = nothingSeen();
  }

  /** Since `expect` was called last. */
  get seen(): Seen {
    return this.#seen;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  async #loop(asker: Asker, n: number): Promise<void> {
    // Not all in step.
    await rest(restMilliseconds * Math.random());
    for (let fresh = false; !this.#stopped; fresh = !fresh) {
      await this.#ask(asker, fresh ? undefined : n);
      await rest(restMilliseconds);
    }
    asker.close();
  }

  /** A user writes and writes. Whatever is broken, a letter is let through at once. */
  async #write(asker: Asker): Promise<void> {
    while (!this.#stopped) {
      const to = `friend@letters${++letters}.example`;
      const bytes = request({ sasl_username: "robin", sender: "robin@example.com", recipient: to });
      const answer = await this.#answerTo(asker, bytes, "letter");
      if (answer !== undefined) {
        this.#seen.letterTimes.push(answer.milliseconds);
        if (answer.text !== dunno) this.#complain(`${JSON.stringify(answer.text)} for a letter`);
      }
      await rest(restMilliseconds);
    }
    asker.close();
  }

  /** The answer to a request; undefined: there was none, of which note has been taken. */
  async #answerTo(asker: Asker, bytes: string, what: string) {
    const answer = await asker.ask(bytes, this.patienceMilliseconds);
    if (asker.unasked !== "") this.#complain(`not asked for: ${JSON.stringify(asker.unasked)}`);
    if (answer.kind === "reply") return answer;
    if (answer.kind === "late") {
      this.#complain(`no answer in ${this.patienceMilliseconds} ms for a ${what}`);
    } else this.#seen[answer.kind]++;
    return undefined;
  }

  /** @param known the number of a triplet that was asked about before; undefined: a new one */
  async #ask(asker: Asker, known: number | undefined): Promise<void> {
    const number = known ?? ++triplets, what = known === undefined ? "new" : "known";
    const domain = `${what}${number}.example`;
    const network = known === undefined
      ? `11.${number >> 16 & 255}.${number >> 8 & 255}`
      : `198.18.${number}`;
    const bytes = request({
      client_name: `mx.${domain}`,
      client_address: `${network}.${number & 255}`,
      sender: `${what}@${domain}`,
      recipient: `bob@${domain}`,
      instance: `${process.pid}.${performance.now()}.${number}`,
    });
    const epoch = this.#epoch;
    this.#seen.asked++;
    const answer = await this.#answerTo(asker, bytes, `${what} triplet`);
    if (answer === undefined) return;
    this.#seen.times.push(answer.milliseconds);
    const { text } = answer;
    const deferral = `action=DEFER_IF_PERMIT 4.2.0 for ${domain}\n\n`;
    if (known === undefined) this.#seen[text === deferral ? "deferred" : "passed"]++;
    const judged = epoch === this.#epoch && answer.milliseconds < stalledMilliseconds;
    const expected = judged ? this.#expectation : "either";
    const deferrable = known === undefined || !this.remembers || expected === "either";
    const marked = known !== undefined && text.startsWith("action=PREPEND X-Greylist: ");
    const legal = text === deferral
      ? deferrable && expected !== "on-store-failure"
      : (text === dunno || marked) && (known !== undefined || expected !== "ordinary");
    if (legal) return;
    this.#complain(`${JSON.stringify(text)} for a ${what} triplet, while wanted: ${expected}`);
  }

  #complain(what: string): void {
    if (this.wrong.length < 10) this.wrong.push(what);
  }
}

export function nothingSeen(): Seen {
  return { asked: 0, closed: 0, refused: 0, deferred: 0, passed: 0, times: [], letterTimes: [] };
}

export function add(total: Seen, part: Seen): void {
  for (const name of ["asked", "closed", "refused", "deferred", "passed"] as const) {
    total[name] += part[name];
  }
  total.times.push(...part.times);
  total.letterTimes.push(...part.letterTimes);
}

function rest(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
