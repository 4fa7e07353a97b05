/**
 * Has every copy of an entry changed, and waits for all of them: for commands, whose process ends. A server may go on
 * when the first copy has it (store.ts).
 */
import type { Copies, Copy, Deadline, Store } from "./store.ts";

/**
 * Settles with how many copies could not be told: each comes back with what it had. Rejects with a StoreError when none
 * could.
 *
 * @param count how many copies there are
 */
export async function onEveryCopy(
  store: Store,
  key: string,
  count: number,
  deadline: Deadline,
  change: (copy: Copy, isElsewhere: boolean) => Promise<void>,
): Promise<number> {
  const copies = await copiesOf(store, key, deadline);
  if (copies !== undefined) return await onCopies(copies, count, change);
  await change(store, false);
  return 0;
}

/** The same, where the copies are known. */
export async function onCopies(
  copies: Copies,
  count: number,
  change: (copy: Copy, isElsewhere: boolean) => Promise<void>,
): Promise<number> {
  const { answered, unasked, elsewhere } = copies;
  const told = await Promise.allSettled([answered, ...unasked].map((copy) => change(copy, false)));
  await Promise.allSettled(elsewhere.map((copy) => change(copy, true)));
  const done = told.filter(({ status }) => status === "fulfilled").length;
  const [first] = told;
  if (done === 0 && first?.status === "rejected") throw first.reason;
  return count - done;
}

function copiesOf(store: Store, key: string, deadline: Deadline): Promise<Copies | undefined> {
  return new Promise((resolve, reject) => {
    store.getMany([key], deadline, (_place, answer, copies) => {
      if (answer instanceof Error) reject(answer);
      else resolve(copies);
    });
  });
}
