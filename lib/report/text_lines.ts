/**
 * The lines of a stream of bytes, packed by gzip or not, as byte strings (a character a byte), many at a time.
 *
 * A line that is too long for any of ours is left out, and never kept in memory. What is read before a stream breaks
 * off counts.
 */
import { Buffer } from "node:buffer";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";

/** The longest line of ours: a request of the default max-request-size, all of it escaped. */
export const longestLine = 4 * 64 * 1024;

export interface TextLines {
  /** Rejects when the stream does, or is cut off or damaged. */
  batches(): AsyncGenerator<string[]>;
  /** How many bytes were read, as they were before unpacking. */
  readonly bytes: number;
  /** How many lines were too long. */
  readonly tooLong: number;
}

export function textLines(stream: AsyncIterable<Uint8Array>): TextLines {
  const state = { bytes: 0, tooLong: 0, batches };
  return state;

  async function* batches(): AsyncGenerator<string[]> {
    let rest = "", isTooLong = false;
    for await (const chunk of unpacked(counted())) {
      const text = asBytes(chunk), end = text.lastIndexOf("\n");
      if (end < 0) {
        rest = isTooLong ? "" : rest + text;
      } else {
        const lines = text.slice(0, end).split("\n");
        if (isTooLong) lines.shift();
        else lines[0] = rest + lines[0];
        rest = text.slice(end + 1);
        isTooLong = false;
        yield lines.filter(isShort);
      }
      if (rest.length > longestLine) {
        state.tooLong++;
        rest = "";
        isTooLong = true;
      }
    }
    if (rest !== "") yield [rest];
  }

  function isShort(line: string): boolean {
    if (line.length <= longestLine) return true;
    state.tooLong++;
    return false;
  }

  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream) {
      state.bytes += chunk.length;
      yield chunk;
    }
  }
}

/** Windows' Latin-1, as the web has it; what Buffer has for the real one takes 20 times as long in Deno 2.6. */
const latin1 = new TextDecoder("latin1");

/** The bytes that Windows has other characters for. */
const byteOf = new Map(
  Array.from({ length: 32 }, (_, n) => 0x80 + n)
    .map((byte) => [latin1.decode(Uint8Array.of(byte)), String.fromCharCode(byte)]),
);

function asBytes(chunk: Uint8Array): string {
  return latin1.decode(chunk).replace(/[^\0-\xff]/g, (character) => byteOf.get(character) ?? "");
}

/** RFC 1952, section 2.3.1: how a gzip file begins. */
const gzip = Buffer.of(0x1f, 0x8b);

async function* unpacked(chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  let first = Buffer.alloc(0);
  while (first.length < gzip.length) {
    const { value, done } = await chunks.next();
    if (done) break;
    first = Buffer.concat([first, value]);
  }
  const all = async function* () {
    try {
      yield first;
      yield* chunks;
    } finally {
      // Who has read enough after the first one still has the file open.
      await chunks.return(undefined);
    }
  };
  if (!first.subarray(0, gzip.length).equals(gzip)) return yield* all();
  const gunzip = createGunzip();
  // What fails, and who reads no further, ends both.
  pipeline(Readable.from(all()), gunzip, () => {});
  yield* gunzip;
}
