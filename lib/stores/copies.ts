/**
 * Several copies of each entry, on as many servers; each has one that is asked first.
 *
 * - A reading asks the first server. When that fails, or is slow, the next one is asked as well, and the answer
 *   is that of whoever answers first.
 * - A doubtful server (memcached_server.ts) is asked all the same, so that it is noticed when it is back, but
 *   the next one at the same time. So what does not answer makes those wait a little who meet it first, and
 *   nobody afterwards.
 * - Who wants to know what the other copies have, which costs a second round trip, is told how to ask them. Such
 *   a reading fails at once at a server that is down, or has been slow for a while.
 * - While one of them is not to be relied on, the next server by weight is such another one, too: if servers
 *   came or went not long ago, it may have what they do not have yet.
 * - What fails is tried once more, if there is time: when one operation has waited in vain its connection goes,
 *   and with it all others that wait for it, which is no reason to do without a copy.
 * - A writing goes to all of them at once, and is done when the first one has it. The others then have as long
 *   as it usually takes, whatever is left of the request's time: a copy that is missing is missed much later.
 */
import type { RemoteServer } from "./memcached_server.ts";
import { type Copies, type Copy, type Deadline, StoreError } from "./store.ts";

/** What a copy says, and which others there are. */
export interface Answer {
  /** In the order of the keys. */
  readonly values: readonly (string | undefined)[];
  readonly copies: Copies;
}

/**
 * What the first copy says that answers. Rejects with a StoreError when none does.
 *
 * @param servers all, in the order of their weights
 * @param count how many of them keep the keys
 */
export function readFirst(
  servers: readonly RemoteServer[],
  count: number,
  keys: readonly string[],
  deadline: Deadline,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const keepers = servers.slice(0, count);
    /** What each has met last, of those that have failed; `lost` those that have failed twice. */
    const failures = new Map<RemoteServer, unknown>(), lost = new Set<RemoteServer>();
    let asked = 0, isAnswered = false;
    const ask = (server: RemoteServer) => {
      const reading = () => server.getMany(keys, deadline, askNext);
      const again = (error: unknown) => {
        failures.set(server, error);
        askNext();
        return reading();
      };
      return reading().catch(again).then((values) => {
        if (isAnswered) return;
        const others = keepers.filter((other) => other !== server);
        const unsure = others.filter((other) => failures.has(other) || other.isDoubtful);
        const copies = {
          answered: server,
          unasked: others.filter((other) => !lost.has(other)).map(unlessGivenUp),
          elsewhere: servers.slice(count, count + unsure.length).map(unlessGivenUp),
        };
        isAnswered = true;
        resolve({ values, copies });
      }, (error) => {
        failures.set(server, error);
        lost.add(server);
        if (lost.size === keepers.length) reject(together([...failures.values()]));
      });
    };
    const askNext = () => {
      while (!isAnswered && asked < keepers.length) {
        const server = keepers[asked++];
        if (server === undefined) return;
        const isDoubtful = server.isDoubtful;
        void ask(server);
        if (!isDoubtful) return;
      }
    };
    askNext();
  });
}

/**
 * Has all servers do something; settles when the first one has, or rejects when none could.
 *
 * @param usualMilliseconds how long it may take where nobody waits for it any more
 */
export async function toAll(
  servers: readonly RemoteServer[],
  deadline: Deadline,
  usualMilliseconds: number,
  operation: (server: RemoteServer, deadline: Deadline) => Promise<void>,
): Promise<void> {
  const tries = servers.map((server) => {
    const trying = () => operation(server, deadline);
    return trying().catch(trying);
  });
  await Promise.any(tries).catch((error: AggregateError) => {
    throw together(error.errors);
  });
  for (const [i, trying] of tries.entries()) {
    const server = servers[i];
    if (server === undefined) continue;
    trying.catch(() => operation(server, performance.now() + usualMilliseconds)).catch(() => {});
  }
}

/** A server as another copy. */
function unlessGivenUp(server: RemoteServer): Copy {
  return {
    get(key, deadline) {
      const reading = () =>
        server.isGivenUp
          ? Promise.reject(new StoreError("memcached: a copy that nobody waits for"))
          : server.getMany([key], deadline, () => {}).then(([value]) => value);
      return reading().catch(reading);
    },
    put: (key, value, ttlSeconds, deadline) => server.put(key, value, ttlSeconds, deadline),
    delete: (key, deadline) => server.delete(key, deadline),
  };
}

/** What each of them has met, in one. */
function together(errors: readonly unknown[]): unknown {
  const bug = errors.find((error) => !(error instanceof StoreError));
  if (bug !== undefined) return bug;
  return new StoreError(errors.map((error) => (error as StoreError).message).join("; "));
}
