/**
 * Domains and what lies below them: `example.org` is found for `example.org` and `mx.example.org`,
 * not for `myexample.org`.
 *
 * - Names are in their canonical spelling (identity/domain.ts).
 * - A lookup asks once a label, whatever the number of entries, and never for more bytes than the
 *   longest entry has: a name of thousands of labels costs no more than one of that length.
 */
import { Places } from "./places.ts";

/** Domains in their canonical spelling, and the places where they are listed. */
export class Domains {
  readonly #places: Places;
  #longest = 0;

  /** @param domainAt the domain that was added with a place */
  constructor(domainAt: (place: number) => string) {
    this.#places = new Places(domainAt);
  }

  /** Adds a domain. Of duplicates the first stays. */
  add(domain: string, place: number): void {
    this.#places.add(domain, place);
    this.#longest = Math.max(this.#longest, domain.length);
  }

  /** The place of `name` itself. */
  findExactly(name: string): number | undefined {
    return this.#places.find(name);
  }

  /** The place of `name` or of the nearest domain above it. */
  find(name: string): number | undefined {
    let start = Math.max(0, name.length - this.#longest);
    if (start > 0 && name[start - 1] !== ".") start = afterDot(name, start);
    while (start < name.length) {
      const place = this.#places.find(name.slice(start));
      if (place !== undefined) return place;
      start = afterDot(name, start);
    }
    return undefined;
  }
}

/** The domain without its first label; nothing above a top-level domain. */
export function domainAbove(name: string): string {
  return name.slice(afterDot(name, 0));
}

/** Where the next label begins, or the end. */
function afterDot(name: string, start: number): number {
  const dot = name.indexOf(".", start);
  return dot < 0 ? name.length : dot + 1;
}
