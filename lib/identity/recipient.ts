/** The recipient as it identifies a mailbox, with the extensions that the administrator's Postfix knows. */
import { lowerCase, splitAddress, withoutExtension } from "./triplet.ts";

/**
 * The recipient in lower case (ASCII), without its extension.
 *
 * @param delimiters Postfix's recipient_delimiter: a set of characters, empty for none
 */
export function normalizeRecipientBy(recipient: string, delimiters: string): string {
  const { local, domain } = splitAddress(recipient);
  return lowerCase(withoutExtension(local, delimiters) + domain);
}
