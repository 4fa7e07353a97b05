/**
 * A store whose operations are counted and timed. What is written to single copies, to repair them, is not counted:
 * nobody waits for it.
 */
import type { Endpoint } from "../endpoint.ts";
import { kindOfRecord } from "../greylist/records.ts";
import { formatServer } from "../stores/address.ts";
import type { Deadline, Store, ToldOfKey } from "../stores/store.ts";
import type { Counts, StoreOperation } from "./counts.ts";

export class CountingStore implements Store {
  readonly name: string;
  readonly forgetsBySize: boolean;
  readonly moveTo?: (servers: readonly Endpoint[], copies: number) => void;

  constructor(private readonly store: Store, private readonly counts: Counts) {
    this.name = store.name;
    this.forgetsBySize = store.forgetsBySize;
    if (store.moveTo === undefined) return;
    this.moveTo = (servers, copies) => {
      store.moveTo?.(servers, copies);
      this.#forgetServersBut(servers);
    };
  }

  get(key: string, deadline: Deadline): Promise<string | undefined> {
    return this.#timed("read", this.store.get(key, deadline));
  }

  getMany(keys: readonly string[], deadline: Deadline, told: ToldOfKey): void {
    const began = performance.now();
    let missing = keys.length, failed = false;
    this.store.getMany(keys, deadline, (place, answer, copies) => {
      if (answer instanceof Error) failed = true;
      if (--missing === 0) this.#count("read", began, failed);
      told(place, answer, copies);
    });
  }

  put(key: string, value: string, ttlSeconds: number, deadline: Deadline): Promise<void> {
    const kind = kindOfRecord(value);
    const put = this.#timed("write", this.store.put(key, value, ttlSeconds, deadline));
    if (kind !== undefined) put.then(() => this.counts.written[kind]++, () => {});
    return put;
  }

  delete(key: string, deadline: Deadline): Promise<void> {
    return this.#timed("delete", this.store.delete(key, deadline));
  }

  ping(deadline: Deadline): Promise<void> {
    return this.store.ping(deadline);
  }

  close(): Promise<void> {
    return this.store.close();
  }

  #timed<Result>(operation: StoreOperation, result: Promise<Result>): Promise<Result> {
    const began = performance.now();
    result.then(
      () => this.#count(operation, began, false),
      () => this.#count(operation, began, true),
    );
    return result;
  }

  #count(operation: StoreOperation, began: number, failed: boolean): void {
    this.counts.storeSeconds[operation].add((performance.now() - began) / 1000);
    if (failed) this.counts.storeErrors[operation]++;
  }

  /** A server that is left does not come up again. */
  #forgetServersBut(servers: readonly Endpoint[]): void {
    const labels = servers.map((server) => `memcached:${formatServer(server)}`);
    for (const name of this.counts.storeDown) {
      const isKept = labels.some((label) => name === label || name.startsWith(`${label} `));
      if (!isKept) this.counts.storeDown.delete(name);
    }
  }
}
