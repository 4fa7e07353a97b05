/**
 * Entries in the order in which they expire: a binary heap in which each entry knows its place, so that one
 * that is written again or deleted is moved or taken out at once, and nothing stale is kept. Entries that
 * expire at the same time come in the order in which they were added. Pure.
 */

/** An entry while it is in the queue; `place` and `turn` are the queue's. */
export interface Queued {
  expires: number;
  place: number;
  turn: number;
}

export class ExpiryQueue<Entry extends Queued> {
  readonly #heap: Entry[] = [];
  #turns = 0;

  /** The one that expires first. */
  get first(): Entry | undefined {
    return this.#heap[0];
  }

  add(entry: Entry): void {
    entry.turn = this.#turns++;
    entry.place = this.#heap.length;
    this.#heap.push(entry);
    this.#rise(entry);
  }

  /** Takes out an entry that is in the queue. */
  remove(entry: Entry): void {
    const last = this.#heap.pop();
    if (last === undefined || last === entry) return;
    this.#put(last, entry.place);
    this.#rise(last);
    this.#sink(last);
  }

  #rise(entry: Entry): void {
    for (;;) {
      const parent = this.#heap[(entry.place - 1) >> 1];
      if (parent === undefined || parent === entry || !isBefore(entry, parent)) return;
      const { place } = parent;
      this.#put(parent, entry.place);
      this.#put(entry, place);
    }
  }

  #sink(entry: Entry): void {
    for (;;) {
      const left = this.#heap[2 * entry.place + 1], right = this.#heap[2 * entry.place + 2];
      const child = right !== undefined && left !== undefined && isBefore(right, left)
        ? right
        : left;
      if (child === undefined || !isBefore(child, entry)) return;
      const { place } = child;
      this.#put(child, entry.place);
      this.#put(entry, place);
    }
  }

  #put(entry: Entry, place: number): void {
    entry.place = place;
    this.#heap[place] = entry;
  }
}

function isBefore(a: Queued, b: Queued): boolean {
  return a.expires < b.expires || (a.expires === b.expires && a.turn < b.turn);
}
