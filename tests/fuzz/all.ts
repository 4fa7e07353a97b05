/** Every fuzz target. To add one: make it with `target` (target.ts), and name it here. */
import { answers, codec } from "./codec.ts";
import { configurationFiles, spellings, values } from "./config.ts";
import { dnsAnswers, dnsZones } from "./dns.ts";
import { clients, correspondents, names, normalisation, streamsOfMail } from "./identity.ts";
import { clientLists, recipientLists, senderLists, surveys } from "./lists.ts";
import { escape, logLines } from "./log.ts";
import { memcached } from "./memcached.ts";
import { spf } from "./spf.ts";
import type { Target } from "./target.ts";

export const targets: readonly Target[] = [
  codec,
  answers,
  clientLists,
  recipientLists,
  senderLists,
  surveys,
  configurationFiles,
  values,
  spellings,
  normalisation,
  clients,
  streamsOfMail,
  correspondents,
  names,
  memcached,
  escape,
  logLines,
  spf,
  dnsAnswers,
  dnsZones,
];
