/**
 * What was found out a moment ago, and is likely to be asked for again: of the same client, sender's domain, or recipient.
 * Pure, and bounded: half of what is kept goes at a time.
 */

/** At most twice as many are kept, of a text of usual length: some hundred bytes each. */
const generation = 8192;

/** Longer texts are rare, and would make what is kept large. */
const longestText = 256;

/** Gives what `find` gives for a text, which has to be the same each time. What is undefined is not kept. */
export function remembering<Found>(find: (text: string) => Found): (text: string) => Found {
  let recent = new Map<string, Found>(), before = new Map<string, Found>();
  return (text) => {
    const known = recent.get(text);
    if (known !== undefined) return known;
    const found = before.get(text) ?? find(text);
    if (found === undefined || text.length > longestText) return found;
    if (recent.size >= generation) {
      before = recent;
      recent = new Map();
    }
    recent.set(text, found);
    return found;
  };
}
