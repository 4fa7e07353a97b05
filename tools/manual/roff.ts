/** Manual pages in roff with the macros of man(7). Pure. */

import { wrap } from "../../lib/config/help.ts";

/** Where a line of a page's source is broken; escapes make it longer. */
const usualLine = 66;

/** A page: its lines, one behind the other. */
export class Page {
  readonly #lines: string[] = [];
  /** A heading is the last line: no paragraph has to begin. */
  #isHeaded = false;

  /**
   * @param date of the release, as 2026-11-26: not of the build, so that two builds are the same
   * @param source what it is a page of, with its version
   */
  constructor(name: string, section: 5 | 8, date: string, source: string) {
    const title = section === 5 ? "File Formats Manual" : "System Manager's Manual";
    this.#macro("TH", name.toUpperCase(), `${section}`, date, source, title);
  }

  section(title: string): void {
    this.#macro("SH", title.toUpperCase());
    this.#isHeaded = true;
  }

  subsection(title: string): void {
    this.#macro("SS", title);
    this.#isHeaded = true;
  }

  paragraph(text: string): void {
    if (!this.#isHeaded) this.#macro("PP");
    this.#text(text);
  }

  /** Words in bold with what they mean, indented. */
  term(words: string, ...meaning: readonly string[]): void {
    this.#isHeaded = false;
    this.#macro("TP");
    this.#lines.push(`\\fB${escaped(words)}\\fR`);
    meaning.forEach((text, i) => {
      if (i > 0) this.#macro("IP");
      this.#text(text);
    });
  }

  /** What is added by `inside` is indented further. */
  indented(inside: () => void): void {
    this.#macro("RS");
    inside();
    this.#macro("RE");
  }

  /** Lines that stay as they are. */
  example(text: string): void {
    for (const macro of ["PP", "nf", "RS 4"]) this.#macro(macro);
    for (const line of text.split("\n")) this.#line(line);
    for (const macro of ["RE", "fi"]) this.#macro(macro);
  }

  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }

  #text(text: string): void {
    for (const line of wrap(text, usualLine)) this.#line(line);
  }

  #line(text: string): void {
    this.#isHeaded = false;
    this.#lines.push(/^[.']/.test(text) ? `\\&${escaped(text)}` : escaped(text));
  }

  #macro(name: string, ...words: readonly string[]): void {
    const quoted = words.map((word) => `"${word.replaceAll('"', '""')}"`);
    this.#lines.push([`.${name}`, ...quoted].join(" "));
  }
}

/** A text that stands for itself: without it a hyphen may become a dash, and a backslash an escape. */
function escaped(text: string): string {
  return text.replace(/[^ -,.-[\]-}]/gu, (character) => {
    if (character === "-") return "\\-";
    if (character === "\\") return "\\e";
    if (character === "~") return "\\(ti";
    const code = character.codePointAt(0) ?? 0;
    return `\\[u${code.toString(16).toUpperCase().padStart(4, "0")}]`;
  }).replaceAll("^", "\\(ha").replaceAll("`", "\\(ga");
}
