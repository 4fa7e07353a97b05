/**
 * Who a request is about: the identities of its client, and its sender and recipient in a form in which two
 * attempts to deliver one mail look the same; and so the keys of all that may be known of them. Pure.
 *
 * - A client with a name that says who it is has two identities: that, and its address, so that it is still
 *   known when its name cannot be resolved for an hour. The null sender, which is every bot's sender, is
 *   known by the address only.
 * - `client-identity = network`: its network is its only identity, as in 0.1.0.
 * - What one sender at a private address does says nothing about another: many clients may stand behind it.
 *   So it earns nothing.
 * - A sender's domain earns its place where its own mailers send from: at a name whose registrable domain is
 *   the sender's; elsewhere at the whole address, because two mails of a free-mail domain that a hosting
 *   provider's customer forwarded must not open the provider to everybody who forges that domain.
 * - A domain that vouches for the client by SPF is an identity of its own, `spf:firma.example`, apart from any group
 *   of hosts of that name; the sender's domain earns its place there.
 * - The keys of 0.1.0 are computed as it did, whatever the settings say.
 */
import { type Client, domainScope, identifyClient } from "./client.ts";
import { keysWith } from "./keys.ts";
import { remembering } from "../recent.ts";
import { type RecordKeys, recordKeysWith } from "./record_keys.ts";
import { normalizeRecipientBy } from "./recipient.ts";
import { normalizeSenderFully, senderDomain, spfDomain } from "./sender.ts";
import {
  clientMaterial,
  clientNetwork,
  type IdentifyBy,
  normalizeSender,
  type PrefixLengths,
  tripletMaterial,
} from "./triplet.ts";

/** What a request says of who it is about; byte strings. */
export interface Attributes {
  /** The client's verified name, `unknown`, or anything else. */
  readonly name: string;
  readonly address: string;
  readonly sender: string;
  readonly recipient: string;
  /** What the client calls itself; undefined: not known. */
  readonly helo?: string | undefined;
}

export interface SubjectOptions {
  readonly clientIdentity: "name" | "network";
  readonly identifyBy: IdentifyBy;
  readonly normalizeSenders: "full" | "postgrey";
  /** The characters of which the first that is found begins an extension (postconf(5)); empty: none does. */
  readonly recipientDelimiter: string;
  readonly prefixes: PrefixLengths;
  readonly keyPrefix: string;
  readonly secret?: Uint8Array;
}

export interface Subject {
  readonly client: Client;
  readonly keys: RecordKeys;
  /** Keys of 0.1.0. */
  readonly releaseTriplet: string;
  readonly releaseClient: string;
  /** Whether anything beyond this triplet can be earned. */
  readonly earns: boolean;
  /** Whether the sender can be. */
  readonly senderEarns: boolean;
  /** The keys of what stands under the domain that vouches for the client, in place of its own identities. */
  keysUnder(domain: string): DomainKeys;
  /** That domain, which alone could: whose SPF speaks for this mail; undefined where there is none. */
  vouchingDomain(): string | undefined;
  /** What the keys are made from, for people to read. */
  words(): SubjectWords;
  /** Whether the client's verified name says who it is: no provider's, nor of an address that many may share. */
  readonly isNamed: boolean;
}

/** Byte strings. */
export interface SubjectWords {
  /** The client's identities, in the order of the keys. */
  readonly identities: readonly string[];
  readonly sender: string;
  readonly recipient: string;
  /** The identity at which the sender's domain may earn its place, and that domain; undefined: nowhere. */
  readonly scope: { readonly identity: string; readonly domain: string } | undefined;
}

/** As RecordKeys has them. */
export type DomainKeys = Pick<RecordKeys, "senders" | "triplets" | "domain">;

/** Gives the subject of a request; undefined when its client has no address. */
export type SubjectOf = (attributes: Attributes) => Subject | undefined;

export function subjectsWith(options: SubjectOptions): SubjectOf {
  const { identifyBy, prefixes } = options;
  const byNetwork = options.clientIdentity === "network";
  const bySender = identifyBy === "client,sender,recipient";
  const { keysOf, hashOfIdentity } = recordKeysWith(options.keyPrefix, options.secret);
  const releaseKey = keysWith(options.keyPrefix, options.secret);
  /** All that depends on the client alone. */
  const clientOf = remembering((text) => {
    const end = text.indexOf("\n"), address = text.slice(0, end);
    const client = identifyClient(text.slice(end + 1), address);
    const network = clientNetwork(address, prefixes);
    if (client === undefined || network === undefined) return undefined;
    const own = hashOfIdentity(client.identity), whole = hashOfIdentity(client.addressIdentity);
    const usual = byNetwork
      ? [hashOfIdentity(`network:${network}`)]
      : own === whole
      ? [whole]
      : [own, whole];
    return {
      client,
      network,
      identities: { own, whole, usual, ofNullSender: byNetwork ? usual : [whole] },
      releaseKey: releaseKey(clientMaterial(network)),
    };
  });
  return ({ name, address, sender, recipient, helo }) => {
    const known = clientOf(`${address}\n${name}`);
    if (known === undefined) return undefined;
    const { client, network, identities } = known;
    const from = bySender ? normalized(sender, recipient, hostOf(client, name)) : "";
    const to = normalizeRecipientBy(recipient, options.recipientDelimiter);
    const isNull = bySender && from === "";
    const domain = bySender ? senderDomain(sender) : undefined;
    const earns = !client.isPrivate;
    const parties = {
      address: identities.whole,
      sender: from,
      recipient: to,
      place: bySender ? domain ?? "" : to,
    };
    const isOwn = domain !== undefined && !byNetwork &&
      domainScope(client, domain) === client.identity;
    const scope = isOwn ? identities.own : identities.whole;
    return {
      client,
      keys: keysOf({
        ...parties,
        identities: isNull ? identities.ofNullSender : identities.usual,
        scope: domain === undefined ? undefined : scope,
      }),
      keysUnder(vouching) {
        const identity = hashOfIdentity(`spf:${vouching}`);
        const scope = domain === undefined ? undefined : identity;
        return keysOf({ ...parties, identities: [identity], scope });
      },
      vouchingDomain: () => spfDomain(sender, helo ?? ""),
      words: () => ({
        identities: identitiesOf(known, isNull),
        sender: from,
        recipient: to,
        scope: domain === undefined
          ? undefined
          : { identity: isOwn ? client.identity : client.addressIdentity, domain },
      }),
      releaseTriplet: releaseKey(tripletMaterial(network, sender, recipient, identifyBy)),
      releaseClient: known.releaseKey,
      earns,
      senderEarns: earns && bySender && !(isNull && byNetwork),
      isNamed: !client.isGeneric && !client.isPrivate,
    };
  };

  /** In the order of `usual` and `ofNullSender`. */
  function identitiesOf(
    { client, network }: { readonly client: Client; readonly network: string },
    isNull: boolean,
  ): readonly string[] {
    if (byNetwork) return [`network:${network}`];
    return isNull
      ? [client.addressIdentity]
      : [...new Set([client.identity, client.addressIdentity])];
  }

  function normalized(sender: string, recipient: string, clientName: string): string {
    if (options.normalizeSenders === "postgrey") return normalizeSender(sender);
    const delimiters = options.recipientDelimiter;
    return normalizeSenderFully(sender, { recipient, clientName, delimiters });
  }

  /** One of several hosts, whose own name may stand in the sender and changes with the host. */
  function hostOf({ kind }: Client, name: string): string {
    return kind === "mailers" || kind === "hosts" ? name : "";
  }
}
