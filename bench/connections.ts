/**
 * The daemon's memory at 0, 100 and 1,000 connections that each have asked five times, as smtpd keeps them.
 *
 *     deno task bench:connections        the source; PROGRAM_UNDER_TEST=dist/greylist for the binary
 */
import process from "node:process";
import {
  type Client,
  connect,
  request,
  residentKilobytes,
  startDaemon,
} from "../tests/support/greylist.ts";

const cleanups: (() => void | Promise<void>)[] = [];
const scope = { after: (cleanup: () => void | Promise<void>) => void cleanups.push(cleanup) };
try {
  const daemon = await startDaemon(scope, ["--max-connections", "2000"]);
  const clients: Client[] = [];
  for (const count of [0, 100, 1000]) {
    while (clients.length < count) clients.push(await connect(scope, daemon.endpoints[0]));
    for (let round = 1; round <= 5; round++) {
      await Promise.all(
        clients.map((client, n) => client.ask(request({ sender: `alice${n % 50}@example.org` }))),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const mib = (residentKilobytes(daemon.pid) / 1024).toFixed(0);
    process.stdout.write(`${String(count).padStart(4)} connections: ${mib} MiB\n`);
  }
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
