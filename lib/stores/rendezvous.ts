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

  /** The index of the server that keeps the keys of a place. */
  pick(place: string): number {
    const seeds = this.#seeds;
    if (seeds.length === 1) return 0;
    const hash = fnv1a(place);
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

/**
 * What of a key chooses the server that keeps it: what is in the braces right behind the prefix, as in Redis
 * Cluster, so that keys which are wanted together are kept together; or else the whole key.
 *
 * @param prefixLength of what all keys begin with, which may have braces of its own
 */
export function placeOf(key: string, prefixLength: number): string {
  if (key[prefixLength] !== "{") return key;
  const end = key.indexOf("}", prefixLength);
  return end === -1 ? key : key.slice(prefixLength + 1, end);
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
