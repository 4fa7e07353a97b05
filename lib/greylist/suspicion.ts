/**
 * What makes a client suspicious by what Postfix says of it, without DNS: its name, and how it calls itself. With
 * `greylist = suspicious` nobody else waits. Pure.
 *
 * A mail server has a name of its own, and says it. What sends from a customer's machine has a generic name or none,
 * and makes its HELO up: an address, a single label, or the name of whom it sends to.
 */
import { groupsOf } from "../address.ts";
import type { Client } from "../identity/client.ts";
import { hostName } from "../identity/host_name.ts";
import { lowerCase, splitAddress } from "../identity/triplet.ts";

/** What Postfix says; byte strings. */
export interface Appearance {
  readonly client: Client;
  /** `helo_name`; undefined where the request has none, as from other programs than Postfix. */
  readonly helo: string | undefined;
  readonly recipient: string;
  /** `server_address`, which Postfix has from 3.2 on, or empty. */
  readonly serverAddress: string;
  /** This host's name. */
  readonly hostname: string;
}

export type Suspicion =
  | "no verified name"
  | "generic name"
  | "HELO is an address"
  | "HELO is no full name"
  | "HELO is one of ours";

/** The first reason; undefined if there is none. */
export function suspicionOf(appearance: Appearance): Suspicion | undefined {
  const { client, helo } = appearance;
  if (client.looksLikeCustomer) return client.isNameless ? "no verified name" : "generic name";
  return helo === undefined ? undefined : heloSuspicion(helo, appearance);
}

function heloSuspicion(
  helo: string,
  { recipient, serverAddress, hostname }: Appearance,
): Suspicion | undefined {
  const inside = /^\[(?:ipv6:)?(.*)\]$/i.exec(helo)?.[1] ?? helo;
  if (serverAddress !== "" && lowerCase(inside) === lowerCase(serverAddress)) {
    return "HELO is one of ours";
  }
  if (inside !== helo || groupsOf(helo) !== undefined) return "HELO is an address";
  const name = hostName(helo);
  if (name === undefined) return "HELO is no full name";
  const ours = [splitAddress(recipient).domain.slice(1), hostname].map(hostName);
  if (ours.includes(name)) return "HELO is one of ours";
  return name.includes(".") ? undefined : "HELO is no full name";
}
