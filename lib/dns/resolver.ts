/**
 * DNS as policy needs it: questions that strangers' names make, so that nothing of it may ever hurt.
 *
 * - All questions of one request have one time together, `dns-timeout`; what has no answer by then fails.
 * - What is known is not asked again, not even "there is none"; equal questions at a time are one. A question
 *   is given its whole time even when the request that asked it has none left: its answer is kept.
 * - A domain whose servers do not answer in that time is no information for a minute. (The registrable domain of
 *   the name: it is one owner's servers.)
 * - Some questions at a time in all, and eight for a domain (lanes.ts). When DNS as a whole does not answer, nobody
 *   waits for it (outage.ts).
 *
 * Every failure is a DnsError; only those that say "there is none" say anything about the name.
 */
import { registrableDomain } from "../identity/public_suffix.ts";
import { Cache } from "./cache.ts";
import { DnsError, type DnsErrorCode } from "./error.ts";
import { type Exchange, exchange, type Reply } from "./exchange.ts";
import { Lanes, mostInFlight } from "./lanes.ts";
import {
  type Answer,
  type Question,
  questionOf,
  type QuestionType,
  type RecordsOf,
} from "./message.ts";
import type { NameServer } from "./name_server.ts";
import { Outage } from "./outage.ts";
import { afterLastLook } from "./timer.ts";

/** Asks for the records of a name. Rejects with a DnsError. */
export type Lookup = <Type extends QuestionType>(
  name: string,
  type: Type,
) => Promise<RecordsOf[Type]>;

/** Told when DNS stops and starts answering; once for each change. */
export interface DnsObserver {
  dnsDown(): void;
  dnsUp(downSeconds: number): void;
}

export interface ResolverOptions {
  /** Asked in this order; called for each question, because resolv.conf may change. */
  readonly servers: () => readonly NameServer[];
  /** The setting `dns-timeout`. */
  readonly timeoutMilliseconds: number;
  readonly observer: DnsObserver;
  /** Told of each question to name servers how long it took, and whether there was an answer. */
  readonly exchanged?: Exchanged | undefined;
}

export type Exchanged = (milliseconds: number, isAnswered: boolean) => void;

const mostInFlightForDomain = 8;
const mostWaiting = 1000;

const cacheBytes = 8 * 1024 ** 2;
const refusedSeconds = 60;
const silentDomainSeconds = 60;
const silentDomainBytes = 1024 ** 2;

const rootNs: Question = { name: ".", type: "NS" };

/** A question that is asked, or waits to be, and who waits for it. */
interface Flight {
  /** Undefined: there was no answer. */
  readonly answer: Promise<Answer | undefined>;
  /** When the last of them gives up. */
  latest: number;
}

/** What became of a request's questions. */
interface Tally {
  readonly deadline: number;
  /** Settles at the deadline. */
  readonly late: Promise<undefined>;
  answers: number;
  timeouts: number;
}

export class Resolver {
  readonly #cache = new Cache<Answer>(cacheBytes);
  readonly #silentDomains = new Cache<true>(silentDomainBytes);
  readonly #flights = new Map<string, Flight>();
  readonly #exchanges = new Set<Exchange>();
  readonly #outage = new Outage();
  readonly #lanes = new Lanes({
    inAll: mostInFlight,
    perDomain: mostInFlightForDomain,
    waiting: mostWaiting,
  });
  #closed = false;

  constructor(private readonly options: ResolverOptions) {}

  /**
   * Runs what asks for one request. From its deadline on, `dns-timeout` from now, every lookup fails; the signal tells
   * when that is.
   */
  async ask<Result>(
    use: (lookup: Lookup, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const { timeoutMilliseconds } = this.options;
    const abort = new AbortController();
    const cancel = afterLastLook(timeoutMilliseconds, () => abort.abort());
    const late = new Promise<undefined>((resolve) =>
      abort.signal.addEventListener("abort", () => resolve(undefined), { once: true })
    );
    const tally: Tally = {
      deadline: performance.now() + timeoutMilliseconds,
      late,
      answers: 0,
      timeouts: 0,
    };
    try {
      return await use((name, type) => this.#lookup(name, type, tally), abort.signal);
    } finally {
      cancel();
      if (tally.answers === 0 && tally.timeouts > 0 && !this.#closed) {
        const now = performance.now();
        this.#follow(this.#outage.unanswered(now), now);
      }
    }
  }

  /** Ends what is being asked; from now on every lookup fails. */
  close(): void {
    this.#closed = true;
    for (const exchange of this.#exchanges) exchange.stop();
  }

  async #lookup<Type extends QuestionType>(
    name: string,
    type: Type,
    tally: Tally,
  ): Promise<RecordsOf[Type]> {
    const fail = (code: DnsErrorCode) => new DnsError(code, `${type} of ${name}`);
    const question = questionOf(name, type);
    if (question === undefined) throw fail("ENOTFOUND");
    const answer = await this.#answerTo(question, tally);
    if (answer === undefined) throw fail("ETIMEOUT");
    if (answer.kind === "found") return answer.records as RecordsOf[Type];
    throw fail(answer.code);
  }

  async #answerTo(question: Question, tally: Tally): Promise<Answer | undefined> {
    const key = `${question.type} ${question.name}`, now = performance.now();
    const known = this.#cache.get(key, now / 1000);
    if (known !== undefined) return known;
    if (now >= tally.deadline || this.#closed) return undefined;
    if (this.#outage.isOpen) {
      if (this.#outage.probes(now)) this.#askRoot(now);
      return undefined;
    }
    const domain = domainOf(question.name);
    if (this.#silentDomains.get(domain, now / 1000)) return undefined;
    const flight = this.#flights.get(key) ?? this.#takeOff(key, question, domain);
    flight.latest = Math.max(flight.latest, tally.deadline);
    const answer = await Promise.race([flight.answer, tally.late]);
    if (answer === undefined) tally.timeouts++;
    else tally.answers++;
    return answer;
  }

  #takeOff(key: string, question: Question, domain: string): Flight {
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
    const flight: Flight = { answer: promise, latest: 0 };
    const land = (answer: Answer | undefined) => {
      this.#flights.delete(key);
      resolve(answer);
    };
    this.#flights.set(key, flight);
    this.#lanes.add({
      domain,
      isPointless: () => this.#isPointless(domain, flight.latest),
      drop: () => land(undefined),
      start: (done) =>
        void this.#send(question).then((reply) => {
          const now = performance.now() / 1000;
          if (reply !== undefined) this.#keep(key, reply, now);
          else this.#silentDomains.put(domain, true, 0, silentDomainSeconds, now);
          land(reply?.answer);
          done();
        }),
    });
    return flight;
  }

  #isPointless(domain: string, latest: number): boolean {
    const now = performance.now();
    return now >= latest || this.#closed || this.#outage.isOpen ||
      this.#silentDomains.get(domain, now / 1000) !== undefined;
  }

  async #send(question: Question): Promise<Reply | undefined> {
    const { exchanged } = this.options, began = performance.now();
    const asked = exchange(question, this.options.servers(), this.options.timeoutMilliseconds);
    this.#exchanges.add(asked);
    const reply = await asked.reply;
    this.#exchanges.delete(asked);
    if (!this.#closed) exchanged?.(performance.now() - began, reply !== undefined);
    if (reply !== undefined) this.#answered();
    return reply;
  }

  #keep(key: string, { answer, bytes }: Reply, now: number): void {
    const seconds = answer.kind === "refused" ? refusedSeconds : answer.ttlSeconds;
    this.#cache.put(key, answer, bytes, seconds, now);
  }

  #answered(): void {
    const change = this.#outage.answered(performance.now());
    if (change === undefined) return;
    this.#silentDomains.clear(); // it was not theirs
    this.options.observer.dnsUp(change.openMilliseconds / 1000);
  }

  #askRoot(begun: number): void {
    void this.#send(rootNs).then((reply) => {
      if (reply !== undefined || this.#closed) return;
      this.#follow(this.#outage.rootSilent(begun, performance.now()), begun);
    });
  }

  #follow(what: "opened" | "ask the root" | undefined, now: number): void {
    if (what === "opened") this.options.observer.dnsDown();
    if (what === "ask the root") this.#askRoot(now);
  }
}

/** The registrable domain, or of a suffix itself, which has none, the name. */
function domainOf(name: string): string {
  return registrableDomain(name) ?? name;
}
