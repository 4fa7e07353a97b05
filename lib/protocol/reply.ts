/**
 * The texts that Postfix passes on: the deferral and the header, with postgrey's macros. Pure.
 *
 * | macro | deferral text                | header                              |
 * |-------|------------------------------|-------------------------------------|
 * | `%s`  | seconds until a retry passes |                                     |
 * | `%r`  | the recipient's domain       |                                     |
 * | `%t`  |                              | seconds that the mail was delayed   |
 * | `%v`  | version of greylist          | version of greylist                 |
 * | `%h`  | name of this host            | name of this host                   |
 * | `%d`  |                              | the date (RFC 5322)                 |
 * | `%%`  | a percent sign               | a percent sign                      |
 *
 * Macros are filled in once: what comes in through one is never looked at for another.
 */
import { checkReply } from "./codec.ts";

/** The macros each kind of text may use, with an example value as long as they get. */
const examples = {
  text: { s: "2147483647", r: "r".repeat(253), v: "0.0.0", h: "h".repeat(64) },
  header: {
    t: "2147483647",
    v: "0.0.0",
    h: "h".repeat(64),
    d: "Thu, 01 Jan 1970 00:00:00 +0000",
  },
} as const;

type Values<Kind extends keyof typeof examples> = {
  readonly [macro in keyof (typeof examples)[Kind]]: string;
};

/** A text with its macros still to be filled in. */
export type Template<Kind extends keyof typeof examples> = (values: Values<Kind>) => string;

/** The deferral: `keyword` (DEFER_IF_PERMIT or 4xx) and `text`. Throws RangeError for a bad reply. */
export function deferralTemplate(keyword: string, text: string): Template<"text"> {
  // Postfix puts the code in front by itself, and would show this one as text.
  if (/^\d{3}\b/.test(text)) {
    throw new RangeError(
      `want a text that begins with 4.2.0 or the like, not a code, got "${text}"`,
    );
  }
  return template("text", text, (filled) => checkReply(`${keyword} ${filled}`));
}

/** The header, `Name: value`. Throws RangeError for what is no header field (RFC 5322, 2.2). */
export function headerTemplate(text: string): Template<"header"> {
  if (!/^[!-9;-~]+: \S/.test(text)) {
    throw new RangeError(`want a header such as "X-Greylist: delayed %t seconds", got "${text}"`);
  }
  return template("header", text, (filled) => checkReply(`PREPEND ${filled}`));
}

function template<Kind extends keyof typeof examples>(
  kind: Kind,
  text: string,
  check: (filled: string) => void,
): Template<Kind> {
  // Bytes beyond ASCII that are no UTF-8 make a smtpd with smtputf8 fall back to its default action.
  if (!/^[ -~]+$/.test(text)) throw new RangeError(`want printable ASCII, got "${text}"`);
  // Texts and, between them, the letters of macros.
  const pieces = text.split(/%(.?)/);
  const fill = (values: Readonly<Record<string, string>>) =>
    pieces.reduce((filled, piece, i) =>
      filled + (i % 2 === 0 ? piece : piece === "%" ? "%" : values[piece] ?? `%${piece}`)
    );
  const allowed = Object.keys(examples[kind]);
  for (const [whole, macro] of text.matchAll(/%(.?)/g)) {
    if (macro !== "%" && !allowed.includes(macro ?? "")) {
      const macros = [...allowed, "%"].map((name) => `%${name}`).join(" ");
      throw new RangeError(`want one of ${macros}, got "${whole}"`);
    }
  }
  check(fill(examples[kind]));
  return fill;
}

/** The recipient's domain, if it can go into a reply; the sending side writes it, so mostly it can. */
export function domainForReply(recipient: string): string {
  const domain = recipient.slice(recipient.lastIndexOf("@") + 1);
  return /^[A-Za-z0-9.-]{1,253}$/.test(domain) ? domain : "unknown";
}

/** The date of a header field (RFC 5322, 3.3), in UTC. */
export function dateForHeader(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toUTCString().replace("GMT", "+0000");
}
