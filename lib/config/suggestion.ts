/** What was meant by a name that there is not. Pure. */
import { closest, distance } from "fastest-levenshtein";

/**
 * A few words to be put behind an error; nothing where no name is near.
 *
 * @param names what there is, at least one
 * @param before what these names are written with
 */
export function suggestion(name: string, names: readonly string[], before = ""): string {
  const nearest = closest(name, [...names]);
  const isNear = distance(name, nearest) <= Math.ceil(name.length / 3);
  return isNear ? `; did you mean ${before}${nearest}?` : "";
}
