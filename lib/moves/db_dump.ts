/**
 * What db_dump of BerkeleyDB prints, taken apart line by line. Pure.
 *
 *     VERSION=3          a header, of which `format` counts: print (db_dump -p) or bytevalue
 *     …
 *     HEADER=END
 *      KEY               with a blank before it; in `print`, `\\` is a backslash and `\xx` any byte,
 *      VALUE             in `bytevalue` every byte is two digits
 *     …
 *     DATA=END
 *
 * Several may follow each other in one file.
 */
import { SourceError } from "./finding.ts";

/** An entry, as byte strings, and the line of its key. */
export interface Pair {
  readonly key: string;
  readonly value: string;
  readonly line: number;
}

/** A line, or two, that cannot be read. */
export interface BadLine {
  readonly line: number;
  readonly why: string;
}

const wanted = "want what `db5.3_dump -p` prints of postgrey.db or postgrey_clients.db";

/** The header of a database, which has six lines at most. */
const longestHeader = 50;

export class DumpReader {
  #line = 0;
  #state: "before" | "header" | "key" | "value" = "before";
  #headerLines = 0;
  #format = "";
  #key: string | undefined;
  /** Given only with the line behind it: the last one of a file that was cut off may be half a line. */
  #found: Pair | BadLine | undefined;
  #isAny = false;

  /** Takes a line, undefined for one that is too long. Throws a SourceError where this is no dump. */
  take(text: string | undefined): Pair | BadLine | undefined {
    this.#line++;
    switch (this.#state) {
      case "before":
        if (text !== "VERSION=3") return this.#refuse(text);
        this.#state = "header";
        this.#format = "";
        this.#headerLines = 0;
        return undefined;
      case "header":
        if (text === "HEADER=END") {
          if (this.#format === "") {
            throw new SourceError(`line ${this.#line}: no format; ${wanted}`);
          }
          this.#state = "key";
          this.#isAny = true;
          return undefined;
        }
        if (text === undefined || ++this.#headerLines > longestHeader) return this.#refuse(text);
        if (text === "format=print" || text === "format=bytevalue") this.#format = text.slice(7);
        return undefined;
      case "key": {
        const whole = this.#found;
        this.#found = undefined;
        this.#state = text === "DATA=END" ? "before" : "value";
        this.#key = text;
        return whole;
      }
      case "value": {
        const line = this.#line - 1, key = this.#bytesOf(this.#key), value = this.#bytesOf(text);
        if (text === "DATA=END") {
          this.#state = "before";
          return { line, why: "a key without a value" };
        }
        this.#state = "key";
        const isLong = this.#key === undefined || text === undefined;
        const why = isLong ? "too long" : "no bytes as db_dump writes them";
        this.#found = key === undefined || value === undefined
          ? { line, why }
          : { key, value, line };
        return undefined;
      }
    }
  }

  /** Says that there are no more lines. Throws a SourceError where there should be. */
  end(): void {
    if (this.#state === "before" && this.#isAny) return;
    throw new SourceError(
      this.#line === 0
        ? `it is empty; ${wanted}`
        : `line ${this.#line}: it ends before DATA=END, so that it was cut off; the rest is missing`,
    );
  }

  #refuse(text: string | undefined): never {
    // A btree's first page has its magic number, 0x053162, in bytes 12 to 15.
    const isDatabase = text?.slice(0, 64).includes("\x62\x31\x05\x00") ?? false;
    const found = isDatabase ? "it is the database itself" : "it is no dump";
    throw new SourceError(`line ${this.#line}: ${found}; ${wanted}`);
  }

  #bytesOf(text: string | undefined): string | undefined {
    if (text === undefined || !text.startsWith(" ")) return undefined;
    const written = text.slice(1);
    if (this.#format === "bytevalue") {
      if (!/^(?:[0-9a-f]{2})*$/.test(written)) return undefined;
      return written.replace(/../g, (digits) => String.fromCharCode(parseInt(digits, 16)));
    }
    if (!written.includes("\\")) return written;
    if (!/^(?:[^\\]|\\\\|\\[0-9a-f]{2})*$/.test(written)) return undefined;
    return written.replace(
      /\\(\\|..)/g,
      (_, code) => code === "\\" ? code : String.fromCharCode(parseInt(code, 16)),
    );
  }
}
