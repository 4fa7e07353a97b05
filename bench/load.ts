/**
 * A closed loop of requests, as many connections of smtpd make it: each asks, waits for its answer, and asks
 * again. Prints one line of JSON.
 *
 *     deno run -A bench/load.ts inet:127.0.0.1:10023 CONNECTIONS SECONDS SEED [DOMAINS [MAILS]]
 *
 * The senders are of so many domains (5000), or each of one of its own (0); after so many mails it begins anew (0: never).
 */
import * as net from "node:net";
import process from "node:process";
import { parseEndpoint } from "../lib/endpoint.ts";

/** What a run prints. Times are milliseconds. */
export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly lost: number;
}

/** What Postfix 3.7 sends for a fresh triplet. */
function request(n: number, domains: number): string {
  const host = `mx${n % 1000}.example.net`;
  const address = [1 + n % 220, n >> 8 & 255, n >> 16 & 255, 1 + n % 250].join(".");
  return [
    "request=smtpd_access_policy",
    "protocol_state=RCPT",
    "protocol_name=ESMTP",
    `client_address=${address}`,
    `client_name=${host}`,
    "client_port=40000",
    `reverse_client_name=${host}`,
    "server_address=192.0.2.25",
    "server_port=25",
    `helo_name=${host}`,
    `sender=user-${n.toString(36)}@sender${domains === 0 ? n : n % domains}.example`,
    `recipient=rcpt${n % 997}@example.com`,
    "recipient_count=0",
    "queue_id=",
    `instance=${n.toString(16)}.5f0.1.0`,
    "size=12345",
    "etrn_domain=",
    "stress=",
    "sasl_method=",
    "sasl_username=",
    "sasl_sender=",
    "ccert_subject=",
    "ccert_issuer=",
    "ccert_fingerprint=",
    "ccert_pubkey_fingerprint=",
    "encryption_protocol=TLSv1.3",
    "encryption_cipher=TLS_AES_256_GCM_SHA384",
    "encryption_keysize=256",
    "policy_context=",
    "\n",
  ].join("\n");
}

if (import.meta.main) {
  const [where = "", connections = "50", seconds = "5", seed = "1", domains = "5000", mails = "0"] =
    process.argv.slice(2);
  const endpoint = parseEndpoint(where);
  const end = performance.now() + Number(seconds) * 1000;
  const latencies: number[] = [];
  const first = Number(seed) * 10_000_000, last = first + (Number(mails) || Infinity);
  let next = first, lost = 0;

  const loop = () =>
    new Promise<void>((resolve) => {
      const socket = net.connect({ ...endpoint });
      let asked = 0, received = "";
      const ask = () => {
        asked = performance.now();
        socket.write(request(next++, Number(domains)), "latin1");
        if (next === last) next = first;
      };
      socket.setNoDelay(true).setEncoding("latin1");
      socket.on("connect", ask);
      socket.on("data", (bytes: string) => {
        received += bytes;
        if (!received.endsWith("\n\n")) return;
        received = "";
        const now = performance.now();
        latencies.push(now - asked);
        if (now < end) ask();
        else socket.destroy();
      });
      socket.on("error", () => lost++);
      socket.on("close", () => resolve());
    });

  const began = performance.now();
  await Promise.all(Array.from({ length: Number(connections) }, loop));
  const elapsed = (performance.now() - began) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? NaN;
  const result: LoadResult = {
    requestsPerSecond: Math.round(latencies.length / elapsed),
    p50: at(0.5),
    p99: at(0.99),
    lost,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
