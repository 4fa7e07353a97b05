/**
 * The entries of one request in a store, which may keep several copies of each: what the first copy says, and,
 * for who wants to know for sure, all of them together.
 *
 * - A record that cannot be read is forgotten, where it stands. Where there is another copy it counts as if it
 *   were not there; otherwise as a failure, once.
 * - A copy that cannot be asked in time says nothing.
 */
import { type Copies, type Copy, type Deadline, type Store, StoreError } from "../stores/store.ts";
import type { Merge, Times } from "./merge.ts";
import { readTexts, type Text } from "./texts.ts";

/** How the text of a record is understood. */
export interface Kind<Record> {
  /** Undefined for what is no such record. */
  readonly decode: (text: string) => Record | undefined;
  readonly merge: Merge<Record>;
}

/** What stands under a key. */
export interface Entry<Record> {
  readonly key: string;
  readonly record: Record | undefined;
  /** Who has said so, and who was not asked; undefined where there is one copy only. */
  readonly copies: Copies | undefined;
  /** Copies that were asked, and say something else: the record should be written to them. */
  readonly stale: readonly Copy[];
}

/** What is told while reading. */
export interface Told {
  /** A record that had to be forgotten. */
  unreadableEntry(key: string): void;
}

const nobody: readonly Copy[] = [];

/** Takes entries from the texts of a round trip, in the order in which their keys were read. */
export class EntryReader {
  #next = 0;
  readonly #forgetting: Promise<void>[] = [];
  #failure: StoreError | undefined;

  constructor(
    private readonly store: Store,
    private readonly texts: readonly (Text | undefined)[],
    private readonly deadline: Deadline,
    private readonly told: Told,
  ) {}

  /** What stands under the next key, if it was had; undefined for no key. */
  optional<Record>(key: string | undefined, kind: Kind<Record>): Entry<Record> | undefined {
    const text = key === undefined ? undefined : this.texts[this.#next++];
    if (text === undefined) return undefined;
    const { entry, forgetting } = this.#understood(text, kind);
    // Nobody waits for that: what may be had or not must not be what a mail fails by.
    void forgetting?.catch(onlyStoreErrors);
    return entry;
  }

  /** What stands under the next key. If that cannot be read, `done` fails. */
  needed<Record>(key: string, kind: Kind<Record>): Entry<Record> {
    const text = this.texts[this.#next++];
    if (text?.key !== key) throw new Error(`${key} is wanted, and was not read`);
    const { entry, forgetting } = this.#understood(text, kind);
    if (forgetting !== undefined) this.#forgetting.push(forgetting);
    if (entry !== undefined) return entry;
    this.#failure ??= new StoreError(`the entry of ${text.key} could not be read`);
    return { ...text, record: undefined, stale: nobody };
  }

  /** Settles when what cannot be read is forgotten. Rejects with a StoreError if something needed is among it. */
  async done(): Promise<void> {
    await Promise.all(this.#forgetting);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #understood<Record>(
    { key, text, copies }: Text,
    { decode }: Kind<Record>,
  ): { readonly entry: Entry<Record> | undefined; readonly forgetting?: Promise<void> } {
    const record = text === undefined ? undefined : decode(text);
    const entry = { key, record, copies, stale: nobody };
    if (text === undefined || record !== undefined) return { entry };
    this.told.unreadableEntry(key);
    const forgetting = (copies?.answered ?? this.store).delete(key, this.deadline);
    return { entry: hasOthers(entry) ? entry : undefined, forgetting };
  }
}

/** What the first copy says that can be reached. Rejects with a StoreError when there is none. */
export async function readEntry<Record>(
  store: Store,
  key: string,
  kind: Kind<Record>,
  deadline: Deadline,
  told: Told,
): Promise<Entry<Record>> {
  const texts = await readTexts(store, [key], 0, deadline);
  const reader = new EntryReader(store, texts, deadline, told), entry = reader.needed(key, kind);
  await reader.done();
  return entry;
}

/** Whether there are copies that have not been asked. */
export function hasOthers({ copies }: Pick<Entry<unknown>, "copies">): boolean {
  return copies !== undefined && copies.unasked.length + copies.elsewhere.length > 0;
}

/** What all copies together say. Never rejects because of the store. */
export async function readOthers<Record>(
  entry: Entry<Record>,
  { decode, merge }: Kind<Record>,
  times: Times,
  deadline: Deadline,
  told: Told,
): Promise<Entry<Record>> {
  const { key, copies } = entry;
  // Asked before, it has found what is stale already.
  if (copies === undefined || !hasOthers(entry)) return entry;
  const ask = async (copy: Copy) => {
    const text = await copy.get(key, deadline);
    const record = text === undefined ? undefined : decode(text);
    if (text !== undefined && record === undefined) {
      told.unreadableEntry(key);
      await copy.delete(key, deadline);
    }
    return { copy, record };
  };
  const askAll = async (all: readonly Copy[]) => {
    const answers = await Promise.all(all.map((copy) => ask(copy).catch(onlyStoreErrors)));
    return answers.filter((answer) => answer !== undefined);
  };
  const [others, elsewhere] = await Promise.all([
    askAll(copies.unasked),
    askAll(copies.elsewhere),
  ]);
  const written = [{ copy: copies.answered, record: entry.record }, ...others];
  const records = [...written, ...elsewhere].map(({ record }) => record)
    .filter((record) => record !== undefined);
  const nobodyElse = { ...copies, unasked: [], elsewhere: [] };
  if (records.length === 0) return { ...entry, copies: nobodyElse };
  const record = merge(records, times), wanted = JSON.stringify(record);
  const stale = written.filter((one) => JSON.stringify(one.record) !== wanted);
  return { key, record, copies: nobodyElse, stale: stale.map(({ copy }) => copy) };
}

/** What a store's failure comes to where one goes on without it. */
export function onlyStoreErrors(error: unknown): undefined {
  if (!(error instanceof StoreError)) throw error;
}
