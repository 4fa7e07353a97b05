/**
 * Lists of senders: mail from them is never greylisted. What an entry may be: addresses.ts.
 *
 * - A sender is looked for as it is written, and without what its way here puts around it: the tags of BATV and
 *   SRS, and the `+extension`. So a mail of `user@example.org` that somebody forwards is found under both.
 * - Anybody can write any sender. An entry lets in whoever guesses it, from everywhere.
 */
import { untaggedSender } from "../identity/sender.ts";
import { readAddressList } from "./addresses.ts";
import type { Rule, Source } from "./lines.ts";
import type { Found, Reading } from "./reading.ts";

export interface SenderList {
  /** The entry that this sender is in, as written or else without its tags. */
  match(sender: string): Rule | undefined;
}

/** Reads the files of one list. All that cannot be read comes back, and the rest still works. */
export function* readSenderList(
  sources: readonly Source[],
): Reading<Found & { readonly list: SenderList }> {
  const found = yield* readAddressList(sources, "+");
  const { list } = found;
  const match = (sender: string) => {
    const asWritten = list.match(sender);
    if (asWritten !== undefined) return asWritten;
    const untagged = untaggedSender(sender);
    return untagged === undefined ? undefined : list.match(untagged);
  };
  return { ...found, list: { match } };
}
