/** What the sources of an import give, entry by entry, whatever program they come from. */
import type { Form, Item } from "./item.ts";

export type Finding =
  /** To be brought in. */
  | { readonly item: Item }
  /** There is nowhere to put it; the reason is counted. */
  | { readonly leftOut: string }
  /** It cannot be read. */
  | { readonly where: string; readonly bad: string };

/** Entries in the order of the source, some at a time. Fails with a SourceError. */
export type Findings = AsyncGenerator<readonly Finding[]>;

/** A source cannot be used, or not to its end. */
export class SourceError extends Error {
  override readonly name = "SourceError";

  /** @param isMissing there is none, or it is out of reach */
  constructor(message: string, readonly isMissing = false) {
    super(message);
  }
}

export function found<Record>(key: string, form: Form<Record>, record: Record): Finding {
  return { item: { key, form, record } };
}
