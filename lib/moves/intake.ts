/**
 * Brings records into a store, many at a time, each together with what is there of it (greylist/merge.ts): so that
 * bringing them in again changes nothing, and what has happened since is kept.
 *
 * Some thousands are read in one round trip, and then written in another; nothing else is under way meanwhile. So
 * two of one key never cross.
 */
import { hasOthers, readOthers } from "../greylist/entries.ts";
import type { Times } from "../greylist/merge.ts";
import { sizedApart } from "../greylist/records.ts";
import { readTexts, type Text } from "../greylist/texts.ts";
import { onCopies } from "../stores/every_copy.ts";
import type { Copy, Deadline, Store } from "../stores/store.ts";
import type { Item } from "./item.ts";

/** What has become of the items so far. */
export interface Counts {
  /** Keys that were written. */
  written: number;
  /** What is the same as, or adds nothing to, what was there, or came before. */
  known: number;
  /** What its time is over of. */
  expired: number;
  /** Copies of keys that were written which could not be told. */
  missed: number;
}

/** So many are under way at a time: enough to keep a store busy. */
const mostUnderWay = 4000;

/** How long, in milliseconds, a store may take for so many. */
const longestMilliseconds = 30_000;

export interface IntakeOptions {
  readonly times: Times;
  /** How long the key of a triplet (T) is, which all of them have. */
  readonly tripletKey: number;
  /** How many copies the store keeps. */
  readonly copies: number;
}

export class Intake {
  readonly counts: Counts = { written: 0, known: 0, expired: 0, missed: 0 };
  readonly #waiting: Item[] = [];

  /** @param store undefined: nothing is written, and all is counted as if it were */
  constructor(private readonly store: Store | undefined, private readonly options: IntakeOptions) {}

  add(item: Item): void {
    this.#waiting.push(item);
  }

  /** Brings in what was added, once it is enough. Rejects with a StoreError; any of it may be written then. */
  async settle(): Promise<void> {
    while (this.#waiting.length >= mostUnderWay) {
      await this.#takeSome(this.#waiting.splice(0, mostUnderWay));
    }
  }

  /** Brings in all that is left. */
  async end(): Promise<void> {
    await this.settle();
    await this.#takeSome(this.#waiting.splice(0));
  }

  async #takeSome(items: readonly Item[]): Promise<void> {
    const { times } = this.options, { counts, store } = this;
    const byKey = new Map<string, Item>();
    for (const item of items) {
      const { key, form, record } = item, before = byKey.get(key);
      if (form.until(record, times) <= times.now) counts.expired++;
      // Under a key of 0.1.0 there may be either of two kinds; of no triplet and client it is the same one.
      else if (before?.form !== form) byKey.set(key, item);
      else {
        counts.known++;
        byKey.set(key, { key, form, record: form.merge([before.record, record], times) });
      }
    }
    if (store === undefined) {
      counts.written += byKey.size;
      return;
    }
    if (byKey.size === 0) return;
    const deadline = performance.now() + longestMilliseconds;
    const texts = await readTexts(store, [...byKey.keys()], 0, deadline);
    await Promise.all([...byKey.values()].map((item, place) => {
      return this.#join(item, texts[place], store, deadline);
    }));
  }

  async #join(
    { key, form, record }: Item,
    text: Text | undefined,
    store: Store,
    deadline: Deadline,
  ): Promise<void> {
    const { times } = this.options, { counts } = this;
    let before = text?.text === undefined ? undefined : form.decode(text.text), isStale = false;
    const entry = { key, record: before, copies: text?.copies, stale: [] };
    if (hasOthers(entry)) {
      const all = await readOthers(entry, form, times, deadline, { unreadableEntry() {} });
      before = all.record;
      isStale = all.stale.length > 0;
    }
    const after = before === undefined ? record : form.merge([before, record], times);
    const encoded = form.encode(after);
    if (!isStale && before !== undefined && form.encode(before) === encoded) {
      counts.known++;
      return;
    }
    // A store may drop an entry a moment after its time to live began: hence one second more.
    const seconds = Math.max(1, Math.ceil(form.until(after, times) - times.now) + 1);
    const sized = this.#sized(encoded, form.size(after), key, store);
    const put = (copy: Copy) => copy.put(key, sized, seconds, deadline);
    // All of them, because the process ends behind the last one.
    if (text?.copies === undefined) await put(store);
    else {
      const missed = await onCopies(text.copies, this.options.copies, (copy, isElsewhere) =>
        // It is not written any more where it was of old; but must not come back from there.
        isElsewhere ? copy.delete(key, deadline) : put(copy));
      counts.missed += missed;
    }
    counts.written++;
  }

  #sized(
    text: string,
    size: "waiting" | "domain" | undefined,
    key: string,
    { forgetsBySize }: Store,
  ): string {
    if (size === undefined || !forgetsBySize) return text;
    return sizedApart(size, text, key, this.options.tripletKey);
  }
}
