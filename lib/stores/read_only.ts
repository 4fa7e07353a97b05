/** A store, and each of its copies, to which nothing that would change it is done. */
import type { Copies, Copy, Store } from "./store.ts";

const nothing = () => Promise.resolve();

export function readOnly(store: Store): Store {
  return {
    name: store.name,
    forgetsBySize: store.forgetsBySize,
    get: (key, deadline) => store.get(key, deadline),
    getMany: (keys, deadline, told) =>
      store.getMany(keys, deadline, (place, answer, copies) => {
        told(place, answer, ...(copies === undefined ? [] : [copiesOf(copies)]));
      }),
    put: nothing,
    delete: nothing,
    ping: (deadline) => store.ping(deadline),
    close: () => store.close(),
  };
}

function copiesOf({ answered, unasked, elsewhere }: Copies): Copies {
  const copyOf = (copy: Copy): Copy => ({
    get: (key, deadline) => copy.get(key, deadline),
    put: nothing,
    delete: nothing,
  });
  return {
    answered: copyOf(answered),
    unasked: unasked.map(copyOf),
    elsewhere: elsewhere.map(copyOf),
  };
}
