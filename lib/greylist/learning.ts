/**
 * Learns whom our users write to, beside the answer to their mail, which neither waits for it nor depends on it.
 *
 * - A pair (identity/correspondents.ts) is read, and written where it is new, or was written an hour ago. All
 *   recipients are learned, because we know no local domains.
 * - What is written is counted for its user (quota.ts), in this process.
 * - What the store does not take within the store timeout is not learned, and the answer waits as any other mail.
 *   No more than a thousand letters are under way at a time: with a store that hangs the rest of a flood is dropped.
 */
import type { Correspondents } from "../identity/correspondents.ts";
import type { Log } from "../log/log.ts";
import { type Deadline, type Store, StoreError } from "../stores/store.ts";
import { Quota } from "./quota.ts";
import { readEntry } from "./entries.ts";
import { kinds } from "./recollection.ts";
import { encodeCorrespondent } from "./records.ts";
import { counts, usedAt, wantsRenewal } from "./trust.ts";

const mostUnderWay = 1000;

/** A recipient of an authenticated mail; byte strings. */
export interface Letter {
  /** sasl_username. */
  readonly user: string;
  readonly sender: string;
  readonly recipient: string;
}

/** How it is learned. */
export interface LearningOptions {
  readonly correspondents: Correspondents;
  readonly maxAgeSeconds: number;
  /** UNIX seconds. */
  readonly now: number;
  readonly deadline: Deadline;
}

export class Learning {
  readonly #quota = new Quota();
  readonly #underWay = new Set<Promise<void>>();

  constructor(
    private readonly store: Store,
    private readonly log: Pick<
      Log,
      "correspondentsRefused" | "unreadableEntry" | "internalError"
    >,
  ) {}

  /** Begins to learn. Never throws. */
  learn(letter: Letter, options: LearningOptions): void {
    if (this.#underWay.size >= mostUnderWay) return;
    const learned = this.#learn(letter, options).catch((error) => {
      // The store has told the log already.
      if (!(error instanceof StoreError)) this.log.internalError(error);
    }).finally(() => this.#underWay.delete(learned));
    this.#underWay.add(learned);
  }

  /** Settles when nothing is under way any more, after so many milliseconds at the latest. */
  async settled(milliseconds: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds));
    await Promise.race([Promise.all(this.#underWay), late]);
    clearTimeout(timer);
  }

  async #learn(
    { user, sender, recipient }: Letter,
    { correspondents, maxAgeSeconds, now, deadline }: LearningOptions,
  ): Promise<void> {
    const key = correspondents.pairKey(recipient, sender);
    if (key === undefined) return;
    const { store, log } = this;
    const { record: known } = await readEntry(store, key, kinds.correspondent, deadline, log);
    const isFresh = known !== undefined && counts(known, now, maxAgeSeconds);
    if (isFresh && !wantsRenewal(known.seen, now)) return;
    const name = correspondents.userHash(user);
    const quota = this.#quota.take(name, now);
    if (quota === "first refused") log.correspondentsRefused(name);
    if (quota !== "granted") return;
    const record = usedAt(now, maxAgeSeconds);
    await store.put(key, encodeCorrespondent(record), Math.ceil(record.until - now), deadline);
  }
}
