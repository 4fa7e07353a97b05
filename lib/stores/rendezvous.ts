/**
 * Which of several servers keeps a key: rendezvous hashing (highest random weight; Thaler and
 * Ravishankar, 1998). Every server gets a weight for the key, the heaviest wins.
 *
 * So the order of the servers does not matter, the servers share the keys evenly, and a server that
 * joins or leaves moves only the keys that it takes or had: 1/N of them, where memjs' own hash modulo N
 * moves most. Hosts that share their state must spell the servers alike, because the spelling is what
 * is hashed.
 */
export class Rendezvous {
  readonly #seeds: readonly number[];

  constructor(private readonly servers: readonly string[]) {
    this.#seeds = servers.map((server) => mix(fnv1a(server)));
  }

  /** The index of the server that keeps `key`. */
  pick(key: string): number {
    const seeds = this.#seeds;
    if (seeds.length === 1) return 0;
    const hash = fnv1a(key);
    let best = -1, heaviest = -1;
    for (let i = 0; i < seeds.length; i++) {
      const weight = mix(hash ^ (seeds[i] ?? 0));
      if (weight > heaviest || (weight === heaviest && this.#before(i, best))) {
        best = i;
        heaviest = weight;
      }
    }
    return best;
  }

  /** Settles the one case in 2^32 in which weights are equal, whatever the order of the servers. */
  #before(a: number, b: number): boolean {
    return (this.servers[a] ?? "") < (this.servers[b] ?? "");
  }
}

/** FNV-1a of the characters, 32 bits. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash;
}

/** The finalizer of MurmurHash3: every bit of the input moves half of the output's. */
function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
