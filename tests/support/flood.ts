/**
 * A flood of new mail against a real Memcached that is far too small for it, through the policy: how many of
 * those who were known before are known still.
 */
import { createPolicy } from "../../lib/greylist/policy.ts";
import { Instances } from "../../lib/greylist/instances.ts";
import { Learning } from "../../lib/greylist/learning.ts";
import { parseStoreAddress } from "../../lib/stores/address.ts";
import { openStore } from "../../lib/stores/open.ts";
import { startMemcached } from "./memcached.ts";
import { policyOptions, recordingLog, request, subjects } from "./policy.ts";
import { atEnd, type Cleanup } from "./process.ts";

/** As many requests are under way at a time as from a busy server. */
const atATime = 100;

export interface Flood {
  readonly keyPrefix: string;
  readonly known: number;
  readonly strangers: number;
  /** After so many strangers each of the known ones is seen once. */
  readonly seenEvery: number;
}

/** Those who were known, and are new now. Throws where the policy had any trouble. */
export async function forgottenIn(
  t: Cleanup,
  { keyPrefix, known, strangers, seenEvery }: Flood,
): Promise<number[]> {
  const memcached = await startMemcached(t, { args: ["-m", "2"] });
  const trouble: string[] = [];
  const store = await openStore(parseStoreAddress(`memcached:${memcached.server}`), {
    timeoutMilliseconds: 5000,
    observer: { down: (_, why) => void trouble.push(why), up: () => {} },
    clock: () => now,
    keyPrefix,
  });
  atEnd(t, () => store.close());
  let now = 1_700_000_000;
  const { log, events } = recordingLog();
  const policy = createPolicy(
    { ...policyOptions, subjectOf: subjects({ keyPrefix }), storeTimeoutMilliseconds: 5000 },
    {
      store,
      log,
      clock: () => now,
      instances: new Instances(),
      learning: new Learning(store, log),
    },
  );

  /** A mail of a company's own mailer, to a recipient that only this round has: whether it passes. */
  async function passes(who: string, n: number, round: string): Promise<boolean> {
    const action = await policy.answer(request({
      client_address: `${who === "known" ? 20 : 30}.${n >> 16}.${(n >> 8) & 255}.${n & 255}`,
      client_name: `mail.${who}${n}.example`,
      sender: `alice@${who}${n}.example`,
      recipient: `robin@${round}.example`,
    }));
    return action.kind !== "defer";
  }

  /** Asks about numbers of somebody, and gives those who are deferred. */
  async function deferred(who: string, from: number, to: number, round: string): Promise<number[]> {
    const found: number[] = [];
    let next = from;
    const worker = async () => {
      while (next < to) {
        const n = next++;
        if (!await passes(who, n, round)) found.push(n);
      }
    };
    await Promise.all(Array.from({ length: atATime }, worker));
    events.forEach(([method, record]) => {
      const problem = method === "decision" && (record as { problem?: string }).problem;
      if (problem) trouble.push(problem);
      else if (method !== "decision") trouble.push(method);
    });
    events.length = 0;
    if (trouble.length > 0) throw new Error(`the store had trouble: ${trouble[0]}`);
    return found.sort((a, b) => a - b);
  }

  await deferred("known", 0, known, "first");
  now += policyOptions.rules.delaySeconds + 1;
  const late = await deferred("known", 0, known, "first");
  if (late.length > 0) throw new Error(`${late.length} of ${known} could not be learned`);
  let forgotten: number[] = [];
  for (let n = 0; n < strangers && forgotten.length === 0; n += seenEvery) {
    await deferred("stranger", n, Math.min(strangers, n + seenEvery), "first");
    forgotten = await deferred("known", 0, known, `round${n}`);
  }
  return forgotten;
}
