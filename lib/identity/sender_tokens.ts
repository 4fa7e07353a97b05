/**
 * Tokens: pieces of a sender that are new in each mail, such as the number of a mail or of a bounce.
 *
 * A piece between other characters than letters and digits is one if it is
 * - all digits, or hexadecimal, eight characters or more, with a digit;
 * - nine letters and digits or more, with two digits or more (one is enough among twenty), that change twice or
 *   more from one to the other; seven are enough if they are hexadecimal;
 * - four letters and digits or fewer, beside a token of sixteen or more.
 * So is a UUID, and in any other piece four digits or more. Tokens side by side are one.
 */

/** Stands for tokens. No sender contains it, so that `bounce-#` and `bounce-1` stay apart. */
export const TOKEN = "\0";

const UUID = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g;
const PIECES = /[0-9a-z\x80-\xff]+/g;
const SIDE_BY_SIDE = /\0[^0-9a-z\x80-\xff]*\0/g;
const LONG_NUMBER = /[0-9]{4,}/g;
const DIGIT = /[0-9]/g;
const CHANGE = /[0-9](?=[a-z])|[a-z](?=[0-9])/g;
const LONG_TOKEN = 16;
const SHORT_PIECE = 4;

/** @param text in lower case */
export function withoutTokens(text: string): string {
  // Every token has a digit.
  if (!/[0-9]/.test(text)) return text.replace(SIDE_BY_SIDE, TOKEN);
  const rest = text.replace(UUID, (uuid) => count(DIGIT, uuid) > 0 ? TOKEN : uuid);
  const pieces = rest.match(PIECES) ?? [];
  const isLong = (piece = "") => piece.length >= LONG_TOKEN && isToken(piece);
  let i = 0;
  return rest.replace(PIECES, (piece) => {
    const besideLong = isLong(pieces[i - 1]) || isLong(pieces[i + 1]);
    i++;
    const isRest = besideLong && piece.length <= SHORT_PIECE && count(CHANGE, piece) > 0;
    return isRest || isToken(piece) ? TOKEN : piece.replace(LONG_NUMBER, TOKEN);
  }).replace(SIDE_BY_SIDE, TOKEN);
}

function isToken(piece: string): boolean {
  const digits = count(DIGIT, piece);
  if (digits === piece.length) return true;
  if (digits === 0) return false;
  const isHex = /^[0-9a-f]+$/.test(piece);
  if (isHex && piece.length >= 8) return true;
  const isMixed = count(CHANGE, piece) >= 2;
  return isMixed && (digits >= 2 ? piece.length >= (isHex ? 7 : 9) : piece.length >= 20);
}

function count(pattern: RegExp, text: string): number {
  return text.match(pattern)?.length ?? 0;
}
