/**
 * The values that settings are written in, and their one spelling: durations as in main.cf
 * (postconf(5): `s`, `m`, `h`, `d`, `w`), sizes, and endpoints as Postfix spells them
 * (`inet:host:port`, `unix:/path`).
 *
 * Every parser throws a RangeError that says what was wanted and what was given.
 */

/** Where to listen, or what to connect to. */
export type Endpoint =
  | { readonly kind: "inet"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };
