/**
 * What is read of a store for one request, all in one round trip.
 *
 * Who waits for what may be had or not does so for as long as the rest takes, but no longer than half of the time that
 * there is, so that the other half is left for writing.
 */
import { type Copies, type Deadline, type Store, StoreError } from "../stores/store.ts";

/** What the first copy of an entry says that could be reached; not yet understood. */
export interface Text {
  readonly key: string;
  readonly text: string | undefined;
  /** Who has said so, and who was not asked; undefined where there is one copy only. */
  readonly copies: Copies | undefined;
}

/**
 * Reads keys together. Rejects with a StoreError when one cannot be read that has to be.
 *
 * @param optional how many of the keys, from the first, may be had or not
 * @returns in the order of the keys; undefined where nothing was had
 */
export function readTexts(
  store: Store,
  keys: readonly string[],
  optional: number,
  deadline: Deadline,
): Promise<readonly (Text | undefined)[]> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const texts = keys.map((): Text | undefined => undefined);
    let waitedFor = keys.length, needed = keys.length - optional, isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = (settle: () => void) => {
      isOver = true;
      // Without one that would cost some microseconds, as often as not.
      if (timer !== undefined) clearTimeout(timer);
      settle();
    };
    const isEnough = () => end(() => resolve(texts));
    store.getMany(keys, deadline, (place, answer, copies) => {
      if (isOver) return;
      const isNeeded = place >= optional;
      waitedFor--;
      if (isNeeded) needed--;
      if (!(answer instanceof Error)) {
        texts[place] = { key: keys[place] ?? "", text: answer, copies };
      } else if (isNeeded || !(answer instanceof StoreError)) {
        return end(() => reject(answer));
      }
      if (waitedFor === 0) isEnough();
      else if (needed === 0 && timer === undefined) {
        // At least a turn of the event loop: it may have arrived with the rest.
        const left = began + (deadline - began) / 2 - performance.now();
        timer = setTimeout(isEnough, Math.max(1, left));
      }
    });
  });
}
