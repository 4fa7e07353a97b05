/**
 * In place of a store that could not be opened, where there is nobody to be told but the log: every
 * operation fails as those of a store that is gone do, so that the mail gets on-store-failure's answer.
 */
import { type Store, StoreError } from "./store.ts";

export function unavailableStore(name: string, why: string): Store {
  const fail = () => Promise.reject(new StoreError(why));
  return {
    name,
    forgetsBySize: false,
    get: fail,
    getMany: (keys, _deadline, told) =>
      keys.forEach((_, place) => told(place, new StoreError(why))),
    put: fail,
    delete: fail,
    ping: fail,
    close: () => Promise.resolve(),
  };
}
