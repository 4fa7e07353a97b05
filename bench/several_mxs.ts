/**
 * Three MXs with three Memcached servers, all on this machine: how many requests a second they answer together, how
 * many operations of Memcached a request asks, and how many bytes it leaves in all servers together, with one copy
 * of each entry and with two. doc/several-mxs.md has the numbers.
 *
 *     deno task bench:mxs
 *
 * Each mail is of a domain and a mailer of its own: of all clients these need most. Then, with two copies, a flood of
 * new mail on servers of 4 MB, and what their statistics say of it.
 */
import process from "node:process";
import { startMemcached } from "../tests/support/memcached.ts";
import { bytesOfItems, statistics } from "../tests/support/memcached_text.ts";
import { Senders, startMxs } from "../tests/support/mxs.ts";
import { type Cleanup, withCleanup } from "../tests/support/process.ts";

const mails = 20_000, connections = 48;

/** Three servers of so many megabytes, and three MXs on them. */
async function scene(t: Cleanup, megabytes: number, copies: string) {
  const memcacheds = await Promise.all(
    Array.from({ length: 3 }, () => startMemcached(t, { args: ["-m", `${megabytes}`] })),
  );
  const store = `memcached:${memcacheds.map(({ server }) => server).join(",")}`;
  const mxs = await startMxs(t, 3, ["--store", store, "--store-copies", copies]);
  return { memcacheds, senders: new Senders(t, mxs, connections) };
}

for (const copies of ["1", "2"]) {
  await withCleanup(async (t) => {
    const { memcacheds, senders } = await scene(t, 1024, copies);
    const all = senders.mails(mails);
    for (const kind of ["new", "comes back", "known"]) {
      if (kind === "comes back") await new Promise((resolve) => setTimeout(resolve, 3000));
      const before = await statistics(memcacheds), began = performance.now();
      const { wrong, times } = await senders.askAbout(all);
      if (wrong.length > 0) throw new Error(wrong.join("\n"));
      const seconds = (performance.now() - began) / 1000;
      // What nobody waited for.
      await new Promise((resolve) => setTimeout(resolve, 500));
      const after = await statistics(memcacheds);
      const each = (name: keyof typeof after) => ((after[name] - before[name]) / mails).toFixed(1);
      const bytes = await Promise.all(memcacheds.map(({ port }) => bytesOfItems(port)));
      const sorted = times.map(([, took]) => took).sort((a, b) => a - b);
      const at = (share: number) => (sorted[Math.floor(mails * share)] ?? NaN).toFixed(1);
      process.stdout.write(
        `copies ${copies}, ${kind.padEnd(10)}: ${(mails / seconds).toFixed(0)}/s, ` +
          `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ` +
          `gets ${each("gets")}, sets ${each("sets")}, deletes ${each("deletes")} a request; ` +
          `${(bytes.reduce((sum, one) => sum + one, 0) / mails).toFixed(0)} bytes a mail\n`,
      );
    }
  });
}

await withCleanup(async (t) => {
  const { memcacheds, senders } = await scene(t, 4, "2");
  const known = senders.mails(2000);
  await senders.makeKnown(known);
  for (let flood = 0; flood <= 30_000; flood += 5000) {
    if (flood > 0) await senders.askAbout(senders.mails(5000));
    const { evictions, evictedUnfetched } = await statistics(memcacheds);
    const { wrong } = await senders.askAbout(known);
    process.stdout.write(
      `4 MB each, 2,000 known, ${flood} new: evictions ${evictions}, ` +
        `evicted_unfetched ${evictedUnfetched}, known mails deferred: ${wrong.length}\n`,
    );
  }
});
