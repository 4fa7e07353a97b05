/**
 * What commands share that ask or change the state about a mail: the settings of the server, the state, DNS, and the
 * client's name, which is looked up as Postfix does where nobody has said it.
 */
import * as fs from "node:fs";
import { load, policyOptions, type Setup } from "../config/load.ts";
import { asksDns } from "../config/sense.ts";
import { verifiedName } from "../dns/client_name.ts";
import { type Dns, openDns } from "../dns/open.ts";
import { type Asked, recorded } from "../dns/recorded.ts";
import type { SpfVerdict } from "../dns/spf.ts";
import { files } from "../files.ts";
import type { PolicyOptions } from "../greylist/policy.ts";
import type { PolicyRequest } from "../protocol/codec.ts";
import { type Deadline, type Store, StoreError } from "../stores/store.ts";
import type { Given } from "./command.ts";
import { type Mail, readMail } from "./mail.ts";
import { refuse } from "./refuse.ts";
import { openState, whyNoState } from "./state.ts";
import { exitNoInput, exitUnavailable, exitUsage } from "./statuses.ts";
import { tell } from "./terminal.ts";

/** All that a command about a mail works with. */
export interface Asking {
  readonly setup: Setup;
  readonly options: PolicyOptions;
  readonly mail: Mail;
  /** The name by which the client is known, and whether DNS was asked for it. */
  readonly clientName: string;
  readonly isLookedUp: boolean;
  /** As Postfix would ask. */
  readonly request: PolicyRequest;
  readonly store: Store;
  /** Servers of the store that were found to be down so far. */
  readonly down: readonly string[];
  /** Undefined: the server does not ask DNS. */
  readonly dns: Dns | undefined;
  /** What DNS was asked so far. */
  readonly asked: readonly Asked[];
  readonly spf: readonly SpfVerdict[];
  readonly now: number;
  /** By when one operation of the store has to be done. */
  deadline(): Deadline;
}

/** Nobody's mail waits for it: that is longer than a server would wait. */
const patienceMilliseconds = 5000;

/** Has a command do its work with all of that. Gives the exit status. */
export async function withAsking(
  { line, env }: Given,
  use: (asking: Asking) => Promise<number>,
): Promise<number> {
  const loaded = await load({ flags: line, env, ...files });
  if ("problems" in loaded) return await refuse(loaded.problems, loaded.config.log);
  const { setup } = loaded, { config } = setup;
  const why = whyNoState(config);
  if (why !== undefined) return await refuse([why]);
  if (config.store.kind === "sqlite" && !fs.existsSync(config.store.path)) {
    tell([`sqlite:${config.store.path}: there is no such file; the server makes it at its start`]);
    return exitNoInput;
  }
  const mail = await readMail(line);
  if ("problem" in mail) {
    tell([mail.problem]);
    return exitUsage;
  }
  const asked: Asked[] = [], spf: SpfVerdict[] = [], down: string[] = [];
  const silent = { dnsDown() {}, dnsUp() {}, dnsListUnusable() {} };
  const dns = recorded(
    await openDns(
      {
        servers: config.dnsServers,
        timeoutMilliseconds: config.dnsTimeout * 1000,
        spf: config.spf,
      },
      silent,
    ),
    { asked: (one) => asked.push(one), spf: (verdict) => spf.push(verdict) },
  );
  let store: Store | undefined;
  try {
    store = await openState(setup, {
      observer: { down: (server) => void down.push(server), up() {} },
    });
    const clientName = mail.clientName ??
      await dns.resolver.ask((lookup) => verifiedName(mail.client, lookup));
    return await use({
      setup,
      options: policyOptions(setup),
      mail,
      clientName,
      isLookedUp: mail.clientName === undefined,
      request: requestOf(mail, clientName),
      store,
      down,
      dns: asksDns(config) ? dns : undefined,
      asked,
      spf,
      now: Date.now() / 1000,
      deadline: () => performance.now() + patienceMilliseconds,
    });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    tell([error.message]);
    return exitUnavailable;
  } finally {
    dns.resolver.close();
    await store?.close();
  }
}

function requestOf(mail: Mail, clientName: string): PolicyRequest {
  const { client, helo, sender = "", recipient = "" } = mail;
  return new Map([
    ["request", "smtpd_access_policy"],
    ["protocol_state", "RCPT"],
    ["client_address", client],
    ["client_name", clientName],
    ["sender", sender],
    ["recipient", recipient],
    ...helo === undefined ? [] : [["helo_name", helo] as const],
  ]);
}
