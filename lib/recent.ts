/**
 * What was found out a moment ago, and is likely to be asked for again: of the same client, sender's domain, or recipient.
 * Pure, and bounded: half of what is kept goes at a time.
 *
 * - It costs about a microsecond where nothing is kept, so that it has to save some: what is hashed, and a client's name.
 * - Only what is asked for a second time is kept. Most strangers come once, and to keep each of them until thousands of
 *   others have come is the worst that can be done to a garbage collector: with it a fresh mail took a fifth longer.
 *   What has been asked for is known by its hash, so that a text which shares another one's may be kept at once, or
 *   be found a third time; neither changes what is given.
 * - A piece of a request is a view into all that came with it; but V8 makes what is looked up in a Map a text of its own,
 *   so that nothing else is kept (8,000 pieces of 64 KiB each: 500 MiB in an array, 7 as keys; Deno 2.6.8 and 2.9.6).
 */

/** At most twice as many are kept of each kind: 22 MiB in all, where names are long. */
const generation = 8192;

/** Longer texts are rare, and would make what is kept large. */
const longestText = 128;

/** How many hashes are known; a power of two. */
const slots = 32768;

/** Gives what `find` gives for a text, which has to be the same each time. What is undefined is not kept. */
export function remembering<Found>(find: (text: string) => Found): (text: string) => Found {
  let recent = new Map<string, Found>(), before = new Map<string, Found>();
  const asked = new Int32Array(slots);
  return (text) => {
    if (text.length > longestText) return find(text);
    const hash = hashOf(text), slot = hash & (slots - 1);
    if (asked[slot] !== hash) {
      asked[slot] = hash;
      return find(text);
    }
    const known = recent.get(text);
    if (known !== undefined) return known;
    const found = before.get(text) ?? find(text);
    if (found === undefined) return found;
    if (recent.size >= generation) {
      before = recent;
      recent = new Map();
    }
    recent.set(text, found);
    return found;
  };
}

/** The same, for the last text only: for what one mail is asked about several times, and costs less than to remember it. */
export function again<Found>(find: (text: string) => Found): (text: string) => Found {
  let last: string | undefined, found: Found;
  return (text) => {
    if (text === last) return found;
    found = find(text);
    last = text;
    return found;
  };
}

/** 32 bits of a byte string (FNV-1a), the upper ones mixed into those that choose the slot. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash ^ hash >>> 15;
}
