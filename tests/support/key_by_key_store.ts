/** The store memory, where each key is read by `get`: for tests in which some of them fail, or are slow. */
import { MemoryStore } from "../../lib/stores/memory.ts";
import { getOne, type Store } from "../../lib/stores/store.ts";

export class KeyByKeyStore extends MemoryStore {
  override get(...[key, deadline]: Parameters<Store["get"]>): Promise<string | undefined> {
    return getOne({ getMany: (...args) => super.getMany(...args) }, key, deadline);
  }

  override getMany(...[keys, deadline, told]: Parameters<Store["getMany"]>): void {
    for (const [place, key] of keys.entries()) {
      this.get(key, deadline).then((value) => told(place, value), (error) => told(place, error));
    }
  }
}
