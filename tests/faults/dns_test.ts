/** Name servers in the ways in which they fail: who waits for DNS gets the answer of one that was not asked. */
import assert from "node:assert/strict";
import { startDnsServer } from "../support/dns_server.ts";
import type { Cleanup } from "../support/process.ts";
import { answerTo, startUdpServer } from "../support/udp_name_server.ts";
import { failureTable } from "./harness.ts";

const row = failureTable("name servers");

const entering = /DNS does not answer: /g;
const leaving = /DNS answers again after /g;

/** Shorter than the default, so that a fault sees the end of it in its time. */
const besideMilliseconds = 1000;

const asking = (server: string) => [
  ...["--store", "memory", "--spf", "--dnswl", "good.example"],
  ...["--dns-servers", server, "--dns-timeout", `${besideMilliseconds}ms`],
];

async function withDns(t: Cleanup) {
  const dns = await startDnsServer(t, []);
  return { args: asking(dns.server), dns };
}

row({
  name: "The name server is frozen",
  place: withDns,
  inject: ({ dns }) => {
    dns.freeze();
    return () => dns.thaw();
  },
  meanwhile: "ordinary",
  besideMilliseconds,
  entering,
  leaving,
});

row({
  name: "The name server is killed",
  place: withDns,
  inject: async ({ dns }) => {
    await dns.stop();
    return () => dns.restart();
  },
  meanwhile: "ordinary",
  besideMilliseconds,
  entering,
  leaving,
});

row({
  name: "The name server answers rubbish",
  place: async (t) => {
    const fault = { now: "" };
    const { server } = await startUdpServer(t, ({ bytes, send }) => {
      if (fault.now === "") send(answerTo(bytes, [], { rcode: 3 }));
      else for (const length of [0, 11, 12, bytes.length]) send(bytes.subarray(0, length));
    });
    return { args: asking(server), fault };
  },
  inject: ({ fault }) => {
    fault.now = "rubbish";
    return () => void (fault.now = "");
  },
  meanwhile: "ordinary",
  besideMilliseconds,
  entering,
  leaving,
});

row({
  name: "A sender's name server does not answer",
  place: async (t) => {
    const fault = { now: "" };
    const { server } = await startUdpServer(t, ({ bytes, name, send }) => {
      if (fault.now === "" || name === "") send(answerTo(bytes, [], { rcode: 3 }));
    });
    return { args: asking(server), fault };
  },
  inject: ({ fault }) => {
    fault.now = "silence";
    return () => void (fault.now = "");
  },
  // Each mail is of another domain. The root's server answers: this is no outage of DNS.
  meanwhile: "ordinary",
  besideMilliseconds,
  check: (_, daemon) => assert.doesNotMatch(daemon.log(), /DNS does not answer/),
});
