/**
 * The mails that have been deferred and were not seen again, from one line of a log to the next. Pure.
 *
 * There may be millions, of which most never come back. A mail is kept as 64 bits of a hash of what identifies it, in a
 * table of a fixed size. When that is full, those whose retry window is over are taken out, and counted. If that is not
 * enough, only every second mail is followed from then on, then every fourth, and so on, always the same ones, because
 * their hashes say which; each then counts for as many. So the figures become approximate before the memory is used up.
 */

/** Places of the table; half of them are filled at most. 16 bytes each. */
const places = 2 ** 21;

export class WaitingMails {
  readonly #windowSeconds: number;
  readonly #most: number;
  readonly #mask: number;
  /** Two parts of the hash; both 0: nothing is here. */
  readonly #low: Uint32Array;
  readonly #high: Uint32Array;
  /** When it was first deferred, in UNIX seconds. */
  readonly #first: Float64Array;
  #size = 0;
  /** One of so many mails is followed. */
  #share = 1;
  #neverCameBack = 0;
  /** The hash that was last computed. */
  #lowNow = 0;
  #highNow = 0;

  /**
   * @param windowSeconds how long a mail can wait before it counts as new
   * @param most how many are followed at once; a power of two
   */
  constructor(windowSeconds: number, most = places / 2) {
    this.#windowSeconds = windowSeconds;
    this.#most = most;
    this.#mask = 2 * most - 1;
    this.#low = new Uint32Array(2 * most);
    this.#high = new Uint32Array(2 * most);
    this.#first = new Float64Array(2 * most);
  }

  /** How many mails each that is followed stands for: 1 as long as the figures are exact. */
  get share(): number {
    return this.#share;
  }

  /** A mail is deferred: it begins to wait, unless it does so already. */
  defer(key: string, at: number): void {
    if (!this.#hash(key)) return;
    const place = this.#find();
    if (this.#isEmpty(place)) {
      this.#put(place, this.#lowNow, this.#highNow, at);
      if (this.#size > this.#most) this.#makeRoom(at);
    } else if (this.#isOver(place, at)) {
      this.#neverCameBack += this.#share;
      this.#first[place] = at;
    }
  }

  /**
   * A mail passes. How long it has waited, in seconds; undefined if it did not wait, or is not followed.
   *
   * @param told how long, if the log says so; otherwise what waited too long ago was another mail
   */
  pass(key: string, at: number, told: number | undefined): number | undefined {
    if (!this.#hash(key)) return told;
    const place = this.#find();
    if (this.#isEmpty(place)) return told;
    const waited = Math.max(0, at - (this.#first[place] ?? 0)), isOver = this.#isOver(place, at);
    this.#takeOut(place);
    if (told !== undefined || !isOver) return told ?? waited;
    this.#neverCameBack += this.#share;
    return undefined;
  }

  /** What has become, at the end of a log, of those that have not passed. */
  remaining(end: number): { readonly neverCameBack: number; readonly mayStillCome: number } {
    let over = 0;
    for (let place = 0; place <= this.#mask; place++) {
      if (!this.#isEmpty(place) && this.#isOver(place, end)) over++;
    }
    return {
      neverCameBack: this.#neverCameBack + over * this.#share,
      mayStillCome: (this.#size - over) * this.#share,
    };
  }

  /** Computes the hash (MurmurHash3's mixing, over two lanes); whether such a mail is followed. */
  #hash(key: string): boolean {
    let low = 0x9e3779b9, high = 0x85ebca6b;
    for (let n = 0; n < key.length; n++) {
      const code = key.charCodeAt(n);
      low = Math.imul(low ^ code, 0x9e3779b1);
      high = Math.imul(high ^ code, 0x5f356495);
    }
    low = mixed(low ^ (high >>> 15)) || 1;
    high = mixed(high ^ (low >>> 13));
    this.#lowNow = low;
    this.#highNow = high;
    return high % this.#share === 0;
  }

  /** Where the mail of the hash is, or would be. */
  #find(): number {
    let place = this.#lowNow & this.#mask;
    while (
      !this.#isEmpty(place) &&
      (this.#low[place] !== this.#lowNow || this.#high[place] !== this.#highNow)
    ) place = (place + 1) & this.#mask;
    return place;
  }

  #isEmpty(place: number): boolean {
    return this.#low[place] === 0;
  }

  #isOver(place: number, now: number): boolean {
    return now - (this.#first[place] ?? 0) > this.#windowSeconds;
  }

  #put(place: number, low: number, high: number, first: number): void {
    this.#low[place] = low;
    this.#high[place] = high;
    this.#first[place] = first;
    this.#size++;
  }

  /** Whoever stands behind it because it was in the way moves up. */
  #takeOut(place: number): void {
    this.#low[place] = 0;
    this.#size--;
    for (let n = (place + 1) & this.#mask; !this.#isEmpty(n); n = (n + 1) & this.#mask) {
      this.#lowNow = this.#low[n] ?? 0;
      this.#highNow = this.#high[n] ?? 0;
      this.#low[n] = 0;
      this.#size--;
      this.#put(this.#find(), this.#lowNow, this.#highNow, this.#first[n] ?? 0);
    }
  }

  #makeRoom(now: number): void {
    this.#keep((place) => {
      if (!this.#isOver(place, now)) return true;
      this.#neverCameBack += this.#share;
      return false;
    });
    while (this.#size > this.#most / 2) {
      this.#share *= 2;
      this.#keep((place) => (this.#high[place] ?? 0) % this.#share === 0);
    }
  }

  #keep(isKept: (place: number) => boolean): void {
    const low = this.#low.slice(), high = this.#high.slice(), first = this.#first.slice();
    const kept = low.map((hash, place) => hash !== 0 && isKept(place) ? 1 : 0);
    this.#low.fill(0);
    this.#size = 0;
    for (let place = 0; place <= this.#mask; place++) {
      if (kept[place] === 0) continue;
      this.#lowNow = low[place] ?? 0;
      this.#highNow = high[place] ?? 0;
      this.#put(this.#find(), this.#lowNow, this.#highNow, first[place] ?? 0);
    }
  }
}

function mixed(bits: number): number {
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
