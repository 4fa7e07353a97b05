/** Host names as a resolver hands them over, byte strings. */
import { lowerCase } from "./triplet.ts";

// Letters, digits, hyphens, the underscore that some have, and the bytes of a name in UTF-8.
const HOST_NAME = /^[a-z0-9_\x80-\xff-]+(?:\.[a-z0-9_\x80-\xff-]+)*$/;
const NUMERIC_TLD = /(?:^|\.)[0-9]+$/;
const LONGEST_NAME = 255; // RFC 1035, 2.3.4

/**
 * A host name in lower case, without a dot at its end; undefined for what is none: empty labels, control
 * characters, an address, more than 255 bytes.
 */
export function hostName(text: string): string | undefined {
  if (text.length > LONGEST_NAME) return undefined;
  const name = lowerCase(text.endsWith(".") ? text.slice(0, -1) : text);
  return HOST_NAME.test(name) && !NUMERIC_TLD.test(name) ? name : undefined;
}
