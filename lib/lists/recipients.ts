/**
 * Lists of recipients: those that are never greylisted, or, as an opt-in list, the only ones that are. What an
 * entry may be: addresses.ts. An entry for `user` is also one for `user+extension`, with whatever
 * recipient-delimiter has in place of the `+`.
 */
import { type AddressList, readAddressList } from "./addresses.ts";
import type { Source } from "./lines.ts";
import type { Found, Reading } from "./reading.ts";

export type RecipientList = AddressList;

/**
 * Reads the files of one list. All that cannot be read comes back, and the rest still works.
 *
 * @param delimiters the characters that begin an extension
 */
export function readRecipientList(
  sources: readonly Source[],
  delimiters = "+",
): Reading<Found & { readonly list: RecipientList }> {
  return readAddressList(sources, delimiters);
}
