/**
 * The commands that the documents show. Above each block of them stands which test runs it, or why none does:
 *
 *     <!-- run by tests/e2e/howto_test.ts -->
 *     <!-- not run by a test: restarts the machine -->
 *
 * That test takes the block out of the document (`blocksRunBy`), so that what is run is what is shown;
 * tests/documents_test.ts looks after the marks.
 */
import * as fs from "node:fs";

const root = new URL("../../", import.meta.url);

/** README.md and the others at the top, and all of doc/. */
export const documents: readonly string[] = [
  ...["README.md", "CONTRIBUTING.md", "SECURITY.md"],
  ...fs.readdirSync(new URL("doc/", root)).filter((name) => name.endsWith(".md")).sort()
    .map((name) => `doc/${name}`),
];

/** What a document says. */
export function textOf(document: string): string {
  return fs.readFileSync(new URL(document, root), "utf8");
}

/** A fenced block. */
export interface Block {
  /** `doc/howto.md:12`, the line of its fence. */
  readonly place: string;
  /** The heading that it stands under. */
  readonly section: string;
  /** What is behind the fence; commands are `sh` or `bash`, or `console` with what they print. */
  readonly language: string;
  /** Without the indentation that it has in a list. */
  readonly text: string;
  /** What the comment right above it says; empty when there is none. */
  readonly mark: string;
}

/** All fenced blocks of a document. */
export function blocksIn(document: string): Block[] {
  const text = textOf(document);
  const fenced = /(?:<!-- ([^\n]*) -->\n\s*)?^( *)```(\w*)\n([^]*?)^\2```$/gm;
  return [...text.matchAll(fenced)].map((found) => {
    const [whole, mark = "", indentation = "", language = "", inside = ""] = found;
    const above = text.slice(0, found.index + whole.indexOf("```"));
    return {
      place: `${document}:${above.split("\n").length}`,
      section: [...above.matchAll(/^##+ (.*)$/gm)].at(-1)?.[1] ?? "",
      language,
      text: inside.replaceAll(new RegExp(`^${indentation}`, "gm"), ""),
      mark,
    };
  });
}

/**
 * A document's blocks that are marked as run by this test.
 *
 * @param test the URL of the test's module
 * @throws {Error} when there is none
 */
export function blocksRunBy(test: string, document: string): Block[] {
  const mark = `run by ${test.slice(root.href.length)}`;
  const found = blocksIn(document).filter((block) => block.mark === mark);
  if (found.length === 0) throw new Error(`${document}: want a block with the mark "${mark}"`);
  return found;
}

/** A command, and what the document says that it prints, if its block is a `console`. */
export interface Example {
  readonly command: string;
  readonly printed: string;
}

/** The commands of a block, a line each; in a `console` they begin with `$ `. */
export function examplesIn({ language, text }: Block): Example[] {
  if (language !== "console") {
    return text.trim().split("\n").map((command) => ({ command, printed: "" }));
  }
  return text.split(/^\$ /m).slice(1).map((example) => {
    const end = example.indexOf("\n");
    return { command: example.slice(0, end), printed: example.slice(end + 1) };
  });
}
