/**
 * Tags that are put around a sender's local part and change from mail to mail, and how they are taken off.
 *
 * - BATV (draft-levine-smtp-batv): `prvs=TAG=user`, `prvs=user=TAG`, Sendmail's `prvs=user/TAG`, Barracuda's
 *   `btv1==TAG==user`, SparkPost's `msprvs1=TAG=user`. A TAG of BATV is a digit for the key, three for the day, and
 *   six hexadecimal ones; anything else may be somebody's name.
 * - SRS (libspf2.org): `SRS0=hash=time=domain=user`, `SRS1=hash=hop==hash=time=domain=user`; the first
 *   separator may be `=`, `+` or `-`, and so may the second one of the pair. The user and the domain that
 *   the mail was forwarded for stay.
 *
 * All in lower case. Most senders have no tag, and are told from the others by how they begin: compiling the
 * patterns is what costs a process that lives for one mail.
 */
import { TOKEN } from "./sender_tokens.ts";

/** A local part taken apart: what stays before it, and what is inside, perhaps in a domain of its own. */
export interface Untagged {
  readonly before: string;
  readonly domain: string;
  readonly local: string;
}

/** So many tags are taken off: more than forwarders put on, and few enough for whoever sends thousands of them. */
export const MOST_TAGS = 8;

const BATV_TAG = "[0-9]{4}[0-9a-f]{6}";
const BATV: readonly (readonly [begin: string, pattern: RegExp])[] = [
  ["prvs=", new RegExp(`^prvs=${BATV_TAG}=([^]+)$`)],
  ["prvs=", new RegExp(`^prvs=([^]+)[=/]${BATV_TAG}$`)],
  ["btv1==", /^btv1==[0-9a-f]{6,12}==([^]+)$/],
  ["msprvs1=", /^msprvs1=[0-9a-z_-]{8,}=([^]+)$/],
];

// Stands for hash and time. Two tokens side by side are nowhere else, so what we wrote is known again.
const STAMP = TOKEN + TOKEN;
const HASH_AND_TIME = `(?:[^=${TOKEN}]+=[^=${TOKEN}]{2}|${STAMP})`;
const SRS0 = new RegExp(`^srs0[-+=]${HASH_AND_TIME}=([^=]+)=([^]+)$`);
const SRS1 = new RegExp(
  `^srs1[-+=](?:[^=${TOKEN}]+=)?([^=]+)=[-+=]${HASH_AND_TIME}=([^=]+)=([^]+)$`,
);

/** What is inside the outermost tag, or undefined where there is none. */
export function withoutTag(local: string): Untagged | undefined {
  for (const [begin, pattern] of BATV) {
    const inside = local.startsWith(begin) ? pattern.exec(local)?.[1] : undefined;
    if (inside !== undefined) return { before: "", domain: "", local: inside };
  }
  const srs0 = local.startsWith("srs0") ? SRS0.exec(local) : null;
  if (srs0 !== null) {
    const [, domain = "", user = ""] = srs0;
    return { before: `srs0=${STAMP}=`, domain, local: user };
  }
  const srs1 = local.startsWith("srs1") ? SRS1.exec(local) : null;
  if (srs1 === null) return undefined;
  const [, hop = "", domain = "", user = ""] = srs1;
  return { before: `srs1=${hop}==${STAMP}=`, domain, local: user };
}
