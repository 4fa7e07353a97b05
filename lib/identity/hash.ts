/**
 * SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104) of byte strings. Pure.
 *
 * By noble-hashes, whose states can be copied: a text of ours is one block, or two with a secret, while the runtime's
 * createHmac does the two blocks of the secret each time and makes half a dozen objects for it: six times as long.
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

/** Gives the base64url form (RFC 4648 section 5, 43 characters) of a byte string's hash. */
export type Hash = (bytes: string) => string;

/** Texts up to here are put into bytes without an allocation. */
const usualLength = 1024;

/** @param secret with it hashes are HMAC-SHA-256, without it SHA-256 */
export function hashWith(secret?: Uint8Array): Hash {
  return secret === undefined ? hashFrom(sha256.create()) : hashFrom(hmac.create(sha256, secret));
}

/** What is used here of noble-hashes' states. */
interface State<Self> {
  clone(): Self;
  _cloneInto(to: Self): Self;
  update(bytes: Uint8Array): Self;
  digestInto(output: Uint8Array): void;
}

function hashFrom<Self extends State<Self>>(beginning: Self): Hash {
  const input = new Uint8Array(usualLength), output = new Uint8Array(sha256.outputLen);
  let state = beginning.clone();
  return (text) => {
    const { length } = text;
    const bytes = length <= usualLength ? input.subarray(0, length) : new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = text.charCodeAt(i);
    state = beginning._cloneInto(state);
    state.update(bytes).digestInto(output);
    return output.toBase64({ alphabet: "base64url", omitPadding: true });
  };
}
