/**
 * The texts that Postfix passes on: the deferral and the header, with postgrey's macros, and `%%` for a percent
 * sign. Pure.
 *
 * Macros are filled in once: what comes in through one is never looked at for another.
 */
import { checkReply } from "./codec.ts";

/** The macros of each kind of text: what each is, and an example as long as it gets. */
const macros = {
  /** The deferral. */
  text: {
    s: { is: "seconds left", example: "2147483647" },
    r: { is: "recipient domain", example: "r".repeat(253) },
    h: { is: "host", example: "h".repeat(64) },
    v: { is: "version", example: "0.0.0" },
  },
  /** The header of a mail that has waited. */
  header: {
    t: { is: "seconds", example: "2147483647" },
    v: { is: "version", example: "0.0.0" },
    h: { is: "host", example: "h".repeat(64) },
    /** RFC 5322. */
    d: { is: "date", example: "Thu, 01 Jan 1970 00:00:00 +0000" },
  },
} as const;

type Kind = keyof typeof macros;

/** What the macros of a kind of text are, for --help. */
export function macroHelp(kind: Kind): string {
  return Object.entries(macros[kind]).map(([name, { is }]) => `%${name} ${is}`).join(", ");
}

type Values<Of extends Kind> = { readonly [macro in keyof (typeof macros)[Of]]: string };

/** A text with its macros still to be filled in. */
export type Template<Of extends Kind> = (values: Values<Of>) => string;

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

function template<Of extends Kind>(
  kind: Of,
  text: string,
  check: (filled: string) => void,
): Template<Of> {
  // Bytes beyond ASCII that are no UTF-8 make a smtpd with smtputf8 fall back to its default action.
  if (!/^[ -~]+$/.test(text)) throw new RangeError(`want printable ASCII, got "${text}"`);
  // Texts and, between them, the letters of macros.
  const pieces = text.split(/%(.?)/);
  const fill = (values: Readonly<Record<string, string>>) =>
    pieces.reduce((filled, piece, i) =>
      filled + (i % 2 === 0 ? piece : piece === "%" ? "%" : values[piece] ?? `%${piece}`)
    );
  const allowed = Object.keys(macros[kind]);
  for (const [whole, macro] of text.matchAll(/%(.?)/g)) {
    if (macro !== "%" && !allowed.includes(macro ?? "")) {
      const those = [...allowed, "%"].map((name) => `%${name}`).join(" ");
      throw new RangeError(`want one of ${those}, got "${whole}"`);
    }
  }
  check(
    fill(Object.fromEntries(
      Object.entries(macros[kind]).map(([name, { example }]) => [name, example]),
    )),
  );
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
