/** The store memory, by a fixed clock, that tells what is written. */
import { MemoryStore } from "../../lib/stores/memory.ts";

export function recordingStore(): MemoryStore & { readonly written: string[] } {
  const store = new MemoryStore(() => 1_700_000_000, 10_000);
  const written: string[] = [];
  const put = store.put.bind(store);
  return Object.assign(store, {
    written,
    put(...args: Parameters<typeof put>) {
      written.push(args[0]);
      return put(...args);
    },
  });
}
