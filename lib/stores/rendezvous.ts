/**
 * Which of several servers keep a key: rendezvous hashing (highest random weight; Thaler and
 * Ravishankar, 1998). Every server gets a weight for the key, and the heaviest keep it: as many as there are
 * to be copies. The heaviest of all is the one that 0.1.0 asks, which knows no copies.
 *
 * So the order of the servers does not matter, the servers share the keys evenly, and a server that
 * joins or leaves moves only the keys that it takes or had: 1/N of them for each copy, where memjs' own hash
 * modulo N moves most. Of two copies it takes or had one: the other is where it was. Hosts that share their state must spell the servers alike, because the spelling is what
 * is hashed.
 */
export class Rendezvous {
  readonly #seeds: readonly number[];

  constructor(private readonly servers: readonly string[]) {
    this.#seeds = servers.map((server) => mix(fnv1a(server)));
  }

  /** The indexes of the servers for the keys of a place, the heaviest first. */
  order(place: string): readonly number[] {
    if (this.#seeds.length === 1) return onlyOne;
    const hash = fnv1a(place);
    const weights = this.#seeds.map((seed) => mix(hash ^ seed));
    return weights.map((_, i) => i)
      .sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0) || (this.#before(a, b) ? -1 : 1));
  }

  /** Settles the one case in 2^32 in which weights are equal, whatever the order of the servers. */
  #before(a: number, b: number): boolean {
    return (this.servers[a] ?? "") < (this.servers[b] ?? "");
  }
}

const onlyOne = [0] as const;

/**
 * What of a key chooses the servers that keep it: what is in the braces right behind the prefix, as in Redis
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
