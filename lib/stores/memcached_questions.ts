/**
 * What a Memcached server is asked: the requests of one question, which go out together, and what their replies come
 * to. Pure.
 *
 * A stored value is its key, a space, and the value. A value that comes back with another key in front is another
 * request's, and not believed.
 */
import { opcodes, type Reply, requestBytes, statuses, uint32 } from "./memcached_protocol.ts";

export interface Question<Answer> {
  /** What its requests ask; the reply to the last of them comes last, and always. */
  readonly opcode: number;
  readonly lastOpcode: number;
  readonly lastPlace: number;
  /** Whether a key that is not there is no error. */
  readonly mayMiss: boolean;
  /** The requests, whose numbers count from `opaque`. */
  requests(opaque: number): string;
  /** Takes a reply without an error. Returns what is wrong with it, if something is. */
  take(reply: Reply, place: number): string | undefined;
  /** Complete when the last reply has come. */
  readonly answer: Answer;
}

const otherKey = "sent the value of another key";

/** The value that stands behind its key; null for another key's. */
function valueOf({ text }: Reply, key: string): string | null {
  return text.charCodeAt(key.length) === 0x20 && text.startsWith(key)
    ? text.slice(key.length + 1)
    : null;
}

/** What stands under a key? */
export function reading(key: string): Question<string | undefined> {
  let answer: string | undefined;
  return {
    opcode: opcodes.get,
    lastOpcode: opcodes.get,
    lastPlace: 0,
    mayMiss: true,
    requests: (opaque) => requestBytes(opcodes.get, opaque, key),
    take(reply) {
      if (reply.status !== statuses.success) return undefined;
      const value = valueOf(reply, key);
      if (value === null) return otherKey;
      answer = value;
      return undefined;
    },
    get answer() {
      return answer;
    },
  };
}

/** What stands under each of these keys? Nothing is said of those that are not there; a no-op ends it. */
export function readingMany(keys: readonly string[]): Question<readonly (string | undefined)[]> {
  const answer = keys.map((): string | undefined => undefined);
  return {
    opcode: opcodes.getQuietly,
    lastOpcode: opcodes.noop,
    lastPlace: keys.length,
    mayMiss: true,
    requests(opaque) {
      let requests = "";
      for (const key of keys) requests += requestBytes(opcodes.getQuietly, opaque++, key);
      return requests + requestBytes(opcodes.noop, opaque);
    },
    take(reply, place) {
      const key = keys[place];
      if (reply.opcode === opcodes.noop || reply.status !== statuses.success) return undefined;
      const value = key === undefined ? null : valueOf(reply, key);
      if (value === null) return otherKey;
      answer[place] = value;
      return undefined;
    },
    answer,
  };
}

/**
 * Keeps a value under its key.
 *
 * @param expires Memcached's time to live, in seconds
 */
export function writing(key: string, value: string, expires: number): Question<void> {
  // Flags, which nobody reads, and the time.
  const extras = `\0\0\0\0${uint32(expires)}`;
  return {
    opcode: opcodes.set,
    lastOpcode: opcodes.set,
    lastPlace: 0,
    mayMiss: false,
    requests: (opaque) => requestBytes(opcodes.set, opaque, key, extras, `${key} ${value}`),
    take: () => undefined,
    answer: undefined,
  };
}

/** Forgets a key. */
export function deleting(key: string): Question<void> {
  return {
    opcode: opcodes.delete,
    lastOpcode: opcodes.delete,
    lastPlace: 0,
    mayMiss: true,
    requests: (opaque) => requestBytes(opcodes.delete, opaque, key),
    take: () => undefined,
    answer: undefined,
  };
}
