/**
 * Where a list's text comes from: files, and folders of files.
 *
 * - Of a folder all files are taken that end in `.conf` or have no ending, in the order of their names, so that
 *   packages and configuration tools can put theirs there. What else is in it is left alone: `.x.swp`, `x~`,
 *   `x.conf.dpkg-old`.
 * - A list is read again whenever it changes. So it has to be a file that can be read more than once: a pipe is
 *   empty the second time, or holds up whoever opens it.
 */
import { messageOf } from "../error.ts";
import type { Source } from "./lines.ts";

/** A list's file or folder; an optional one need not be there. */
export interface ListFile {
  readonly path: string;
  readonly optional: boolean;
}

/** How files are read. */
export interface ListFiles {
  /** The bytes of a file, however large, read without standing still. Rejects with why it cannot be. */
  readonly readLarge: (path: string) => Promise<string>;
  readonly exists: (path: string) => boolean;
  /** The names in a folder; undefined if it is none. Throws when they cannot be read. */
  readonly namesIn: (path: string) => readonly string[] | undefined;
}

/** Texts, and what is to be said about where they come from. */
export interface Read {
  readonly sources: readonly Source[];
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Reads the files of one list. */
export async function readSources(list: readonly ListFile[], files: ListFiles): Promise<Read> {
  const sources: Source[] = [], problems: string[] = [], warnings: string[] = [];
  const trying = async (path: string, read: () => Promise<void>) => {
    try {
      await read();
    } catch (error) {
      problems.push(`Cannot read "${path}": ${messageOf(error)}`);
    }
  };
  const add = async (path: string) => {
    sources.push({ file: path, text: await files.readLarge(path) });
  };
  for (const { path, optional } of list) {
    if (optional && !files.exists(path)) continue;
    await trying(path, async () => {
      const names = files.namesIn(path);
      if (names === undefined) return await add(path);
      for (const file of takenFrom(path, names)) {
        await trying(file, async () => {
          if (files.namesIn(file) === undefined) return await add(file);
          warnings.push(`${file} is a folder in a folder of lists, and not read`);
        });
      }
    });
  }
  return { sources, problems, warnings };
}

/** No ending, or `.conf`; no dot at the beginning, and none of the signs that editors mark their copies with. */
const TAKEN = /^[^.#][^.]*(?<!~)$|^[^.].*\.conf$/s;

/** Which of the names in a folder a list takes, as paths, in their order. */
export function takenFrom(folder: string, names: readonly string[]): string[] {
  return names.filter((name) => TAKEN.test(name)).sort()
    .map((name) => `${folder.replace(/\/+$/, "")}/${name}`);
}
