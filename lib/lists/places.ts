/**
 * A Map from keys to places in a list's lines that keeps no keys: it has their hashes, and where a hash is
 * found, asks for the key of the entry at that place, which is made from its text again. Eight bytes a slot,
 * at most half of them in use: a million entries take 16 MiB.
 *
 * Open addressing with linear probing. Who sends mail can choose what is looked up, but not what is in the
 * table, so that a lookup looks at as many slots as the longest run has at most.
 */
export class Places {
  readonly #keyAt: (place: number) => string;
  /** Pairs: a hash, and a place + 1 or 0 for none. */
  #slots = new Int32Array(2 * 16);
  #used = 0;

  /** @param keyAt the key of an entry that was added */
  constructor(keyAt: (place: number) => string) {
    this.#keyAt = keyAt;
  }

  /** Adds a key. Of duplicates the first stays. */
  add(key: string, place: number): void {
    const hash = hashOf(key);
    const slot = this.#slotOf(key, hash);
    if (this.#slots[slot + 1] !== 0) return;
    this.#slots[slot] = hash;
    this.#slots[slot + 1] = place + 1;
    this.#used++;
    if (this.#used * 4 > this.#slots.length) this.#grow();
  }

  /** The place of a key. */
  find(key: string): number | undefined {
    if (this.#used === 0) return undefined;
    const place = this.#slots[this.#slotOf(key, hashOf(key)) + 1] ?? 0;
    return place === 0 ? undefined : place - 1;
  }

  /** The slot that has this key, or else the free one where it belongs. */
  #slotOf(key: string, hash: number): number {
    const slots = this.#slots, last = slots.length - 1;
    for (let slot = hash * 2 & last;; slot = slot + 2 & last) {
      const place = slots[slot + 1] ?? 0;
      if (place === 0 || (slots[slot] === hash && this.#keyAt(place - 1) === key)) return slot;
    }
  }

  #grow(): void {
    const old = this.#slots, slots = new Int32Array(old.length * 2), last = slots.length - 1;
    for (let i = 0; i < old.length; i += 2) {
      const hash = old[i] ?? 0, place = old[i + 1] ?? 0;
      if (place === 0) continue;
      let slot = hash * 2 & last;
      while (slots[slot + 1] !== 0) slot = slot + 2 & last;
      slots[slot] = hash;
      slots[slot + 1] = place;
    }
    this.#slots = slots;
  }
}

/** FNV-1a with the last step of MurmurHash3, so that the low bits, which choose the slot, depend on all. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  return hash ^ hash >>> 13;
}
