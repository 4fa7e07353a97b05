/** Files that are read whole, as byte strings (latin1), and folders that are to take new ones. */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { open } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import * as path from "node:path";

/** Up to this many bytes are read at once: quicker than asking for them, which counts at a start. */
const smallBytes = 64 * 1024;

/** How often a file is read that changes meanwhile; then what was read has to do. */
const mostReadings = 3;

export const files = {
  readFile: (path: string) => fs.readFileSync(path, "latin1"),

  /**
   * The same without standing still, of what can be read again and again: a file, or /dev/null. A file that changes
   * while it is read is read again.
   */
  async readLarge(path: string): Promise<string> {
    for (let readings = 1;; readings++) {
      const before = statOf(path);
      if (!before.isFile()) return readNothing(path, before);
      if (before.size <= smallBytes) return fs.readFileSync(path, "latin1");
      const text = await readInChunks(path);
      const after = fs.statSync(path);
      const same = after.ino === before.ino && after.size === before.size &&
        after.mtimeMs === before.mtimeMs;
      if (same || readings === mostReadings) return text;
    }
  },

  /** The names in a folder; undefined if it is none. */
  namesIn: (path: string) => statOf(path).isDirectory() ? fs.readdirSync(path) : undefined,

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

function statOf(path: string): fs.Stats {
  try {
    return fs.statSync(path);
  } catch (error) {
    // Deno's word for what only --allow-all would open: /dev/stdin, and most of /proc.
    if (!(error instanceof Error) || error.name !== "NotCapable") throw error;
    throw new Error("this program has no right to that; want a file or a folder", { cause: error });
  }
}

/** What is in /dev/null, under any name. Anything else has no end, or none that comes twice. */
function readNothing(path: string, stat: fs.Stats): string {
  if (stat.isCharacterDevice() && fs.realpathSync(path) === "/dev/null") return "";
  const kind = stat.isFIFO()
    ? "a pipe, which can be read only once"
    : stat.isDirectory()
    ? "a folder"
    : stat.isSocket()
    ? "a socket"
    : "a device";
  throw new Error(`it is ${kind}; want a file or a folder of files`);
}

/** Chunks that are small also because Deno 2.6 takes ten seconds to decode 30 MiB in one go. */
async function readInChunks(path: string): Promise<string> {
  const file = await open(path), chunk = Buffer.alloc(16 * 1024);
  try {
    const texts: string[] = [];
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
      if (bytesRead === 0) return texts.join("");
      texts.push(chunk.toString("latin1", 0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  ENOENT: "there is no such folder",
  EROFS: "the file system is read-only",
};

/**
 * Why this user can make no file in a folder; undefined when one was made, and removed again at once. Asked of
 * the system itself, because Deno's access() knows nothing of groups.
 */
export function whyNoFileIn(folder: string): string | undefined {
  const trial = path.join(folder, `.greylist-${randomUUID()}`);
  try {
    fs.closeSync(fs.openSync(trial, "wx", 0o600));
    fs.unlinkSync(trial);
    return undefined;
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    return `no file can be made in ${folder}: ${reasons[code] ?? code}`;
  }
}
