/**
 * A program that uses a store and ends by itself, for tests that look at a whole process: what it prints,
 * whether it ends, what it reads of its environment. Arguments: the store's address, how many
 * operations, `close` or `leave`, and the timeout in ms. It prints nothing unless an operation settles with anything but a
 * value, a miss, or a StoreError; its exit status is 0 when all were answered, 3 when some were not.
 */
import process from "node:process";
import { parseStoreAddress } from "../../lib/stores/address.ts";
import { openStore } from "../../lib/stores/open.ts";
import { StoreError } from "../../lib/stores/store.ts";

const [address = "", operations = "1", end = "close", timeout = "200"] = process.argv.slice(2);
const timeoutMilliseconds = Number(timeout);
const store = await openStore(parseStoreAddress(address), {
  timeoutMilliseconds,
  observer: { down() {}, up() {} },
  clock: () => Date.now() / 1000,
});
let failures = 0;
await Promise.all(
  Array.from({ length: Number(operations) }, async (_, i) => {
    try {
      await store.put(`k${i}`, "v", 60, performance.now() + timeoutMilliseconds);
      await store.get(`k${i}`, performance.now() + timeoutMilliseconds);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      failures++;
    }
  }),
);
process.exitCode = failures === 0 ? 0 : 3;
if (end === "close") await store.close();
