/** Files that are read whole, as byte strings (latin1). */
import * as fs from "node:fs";

export const files = {
  readFile: (path: string) => fs.readFileSync(path, "latin1"),

  /** What is there but out of reach is there: reading it will say what is wrong. */
  exists(path: string): boolean {
    try {
      fs.statSync(path);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return code !== "ENOENT" && code !== "ENOTDIR";
    }
  },
};
