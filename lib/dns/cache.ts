/**
 * Answers, for as long as they may be kept. Strangers say what is asked and how long the answers are, so it is
 * bounded by bytes; what was used longest ago makes room. Pure: times are seconds of any clock.
 */

/** What an entry takes beside its own bytes: names, objects, the map's place. A guess upwards. */
const overheadBytes = 500;

interface CachedAnswer<Value> {
  readonly value: Value;
  readonly until: number;
  readonly bytes: number;
}

export class Cache<Value> {
  /** In the order of their last use. */
  readonly #entries = new Map<string, CachedAnswer<Value>>();
  #bytes = 0;

  constructor(private readonly mostBytes: number) {}

  get(key: string, now: number): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#remove(key, entry);
    if (now >= entry.until) return undefined;
    this.#add(key, entry);
    return entry.value;
  }

  /** @param ownBytes about how much `value` takes */
  put(key: string, value: Value, ownBytes: number, ttlSeconds: number, now: number): void {
    const old = this.#entries.get(key);
    if (old !== undefined) this.#remove(key, old);
    if (ttlSeconds <= 0) return;
    this.#add(key, { value, until: now + ttlSeconds, bytes: ownBytes + overheadBytes });
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.mostBytes) break;
      this.#remove(oldest, entry);
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #add(key: string, entry: CachedAnswer<Value>): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
  }

  #remove(key: string, entry: CachedAnswer<Value>): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}
