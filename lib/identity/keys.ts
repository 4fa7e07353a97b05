/**
 * From key material to the keys of the store: a prefix and a hash, so that a key has a fixed length,
 * contains nothing a store could trip over, and, with a secret, tells nobody who writes to whom.
 */
import { hashWith } from "./hash.ts";

/** Gives the key of some material (a byte string). */
export type KeyOf = (material: string) => string;

/**
 * @param prefix what all keys begin with; keeps several users of one store apart
 * @param secret with it keys are HMAC-SHA-256, without it SHA-256
 */
export function keysWith(prefix: string, secret?: Uint8Array): KeyOf {
  const hash = hashWith(secret);
  return (material) => prefix + hash(material);
}
