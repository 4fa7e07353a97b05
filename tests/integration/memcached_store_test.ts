/** The contract against a real Memcached, over TCP, IPv6, a unix socket, SASL, and several servers. */
import * as path from "node:path";
import { MemcachedStore } from "../../lib/stores/memcached.ts";
import { parseStoreAddress } from "../../lib/stores/address.ts";
import { storeContract } from "../support/store_contract.ts";
import { startMemcached } from "../support/memcached.ts";
import { type Cleanup, tempDir } from "../support/process.ts";

const observer = { down() {}, up() {} };

function open(servers: readonly string[], auth?: { username: string; password: string }) {
  const address = parseStoreAddress(`memcached:${servers.join(",")}`);
  if (address.kind !== "memcached") throw new Error("no memcached address");
  const options = { timeoutMilliseconds: 500, observer };
  return new MemcachedStore(address.servers, auth === undefined ? options : { ...options, auth });
}

storeContract("memcached", async (t: Cleanup) => {
  const { server } = await startMemcached(t);
  return { store: open([server]) };
});

storeContract("memcached on a unix socket", async (t: Cleanup) => {
  const { server } = await startMemcached(t, { path: path.join(tempDir(t), "m.sock") });
  return { store: open([server]) };
});
