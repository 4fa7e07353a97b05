/** What a log says of a store or of DNS that failed, and of the log itself; in the words of lib/log/log.ts. Pure. */
import type { LineEvent } from "../log/line.ts";

/** What failed how often. */
export interface Trouble {
  /** `store memcached:127.0.0.1:11211`, `DNS`, `the list bl.example`, `log lines`, `internal errors`. */
  readonly what: string;
  times: number;
  /** For how long in all, in seconds, as far as the log says that it was over. */
  downSeconds: number;
  /** What the log said the last time, if it said why; its own text. */
  why: string | undefined;
}

const forms: readonly [RegExp, (found: RegExpExecArray, lines: number) => Partial<Trouble>][] = [
  [/^(store .*?) is not usable: (.*)$/, ([, what, why]) => ({ what: what!, times: 1, why })],
  [
    /^(store .*) is usable again after (\d+) s$/,
    ([, what, seconds]) => ({ what: what!, downSeconds: Number(seconds) }),
  ],
  [/^DNS does not answer: /, () => ({ what: "DNS", times: 1 })],
  [
    /^DNS answers again after (\d+) s$/,
    ([, seconds]) => ({ what: "DNS", downSeconds: Number(seconds) }),
  ],
  [/^(the list .*?) is of no use: (.*)$/, ([, what, why]) => ({ what: what!, times: 1, why })],
  [/^log lines were lost$/, (_, lines) => ({ what: "log lines", times: lines })],
  [/^internal error, please report it$/, () => ({ what: "internal errors", times: 1 })],
];

/** Enough to leave most lines of other programs unread. */
export const troubleWords = / usable|DNS |of no use|lines were lost|internal error/;

/** More than that is what nobody has: a log that is not ours. */
const most = 100;

export class Troubles {
  readonly #found = new Map<string, Trouble>();

  /** Counts what a line says; whether it says something of trouble. */
  take({ text, fields }: LineEvent): boolean {
    for (const [form, read] of forms) {
      const found = form.exec(text);
      if (found === null) continue;
      this.#add(read(found, Number(fields.lines ?? 1)));
      return true;
    }
    return false;
  }

  /** In the order in which they came. */
  all(): readonly Trouble[] {
    return [...this.#found.values()];
  }

  #add({ what = "", times = 0, downSeconds = 0, why }: Partial<Trouble>): void {
    let trouble = this.#found.get(what);
    if (trouble === undefined) {
      if (this.#found.size >= most) return;
      this.#found.set(what, trouble = { what, times: 0, downSeconds: 0, why: undefined });
    }
    trouble.times += times;
    trouble.downSeconds += downSeconds;
    trouble.why = why ?? trouble.why;
  }
}
