/**
 * Who has written to whom: an address outside and one of ours are one pair, whichever of them writes. Pure.
 *
 * The address outside is normalised as a sender, which it will be when it answers, and ours as a recipient. Nothing
 * else goes into a pair: a sender is otherwise seen with the client's name, which nobody knows before the answer.
 */
import { normalizeRecipientBy } from "./recipient.ts";
import { partHashWith } from "./record_keys.ts";
import { normalizeSenderFully } from "./sender.ts";
import type { SubjectOptions } from "./subject.ts";
import { normalizeSender } from "./triplet.ts";

export interface Correspondents {
  /**
   * The key of the record (W) of two envelope addresses, byte strings; undefined where one is missing, as the
   * null sender is: a bounce names nobody.
   */
  pairKey(outside: string, ours: string): string | undefined;
  /** What stands for a user's name, a byte string, in the log and in memory. */
  userHash(name: string): string;
}

export function correspondentsWith(
  options: Pick<
    SubjectOptions,
    "normalizeSenders" | "recipientDelimiter" | "keyPrefix" | "secret"
  >,
): Correspondents {
  const { recipientDelimiter: delimiters } = options;
  const hashOf = partHashWith(options.secret), ofPair = hashOf("pair"), ofUser = hashOf("user");
  return {
    pairKey(outside, ours) {
      if (outside === "" || ours === "") return undefined;
      const recipient = normalizeRecipientBy(ours, delimiters);
      const from = options.normalizeSenders === "postgrey"
        ? normalizeSender(outside)
        : normalizeSenderFully(outside, { recipient, clientName: "", delimiters });
      return `${options.keyPrefix}w${ofPair(`${from}\n${recipient}`)}`;
    },
    userHash: ofUser,
  };
}
