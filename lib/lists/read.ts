/**
 * The lists that the settings name, read from their files: all of them, or every problem in them.
 */
import { type ClientList, readClientList } from "./clients.ts";
import type { Source } from "./lines.ts";
import { describeProblem, describeWarning, type Found, type Reading } from "./reading.ts";
import { readRecipientList, type RecipientList } from "./recipients.ts";
import { readSenderList, type SenderList } from "./senders.ts";
import { finish } from "./slices.ts";
import { type ListFile, type ListFiles, readSources } from "./sources.ts";

/** Who is greylisted and who is not, as far as that is written down. */
export interface Lists {
  /** Clients that are never greylisted. */
  readonly clients: ClientList;
  /** Senders that are never greylisted. */
  readonly senders: SenderList;
  /** Senders that are never greylisted where SPF passes their mail. */
  readonly sendersBySpf: SenderList;
  /** Recipients that are never greylisted. */
  readonly recipients: RecipientList;
  /** The only recipients that are greylisted; undefined: all. */
  readonly greylisted: RecipientList | undefined;
  /** Clients that never get into the auto-whitelist. */
  readonly neverAutoWhitelisted: ClientList;
}

/** The settings that name lists, and say how they are meant. */
export interface ListSettings {
  readonly recipientDelimiter: string;
  readonly whitelistClients: readonly ListFile[];
  readonly whitelistSenders: readonly ListFile[];
  readonly whitelistSendersSpf: readonly ListFile[];
  readonly whitelistRecipients: readonly ListFile[];
  readonly greylistRecipients: readonly ListFile[];
  readonly autoWhitelistExcept: readonly ListFile[];
}

/** The lists, and what is to be said about them. */
export interface ReadLists {
  readonly lists: Lists;
  /** With one of them, the lists must not be used before it has been told. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Reads every list. */
export async function readLists(config: ListSettings, files: ListFiles): Promise<ReadLists> {
  const problems: string[] = [], warnings: string[] = [];
  const read = async <List>(
    list: readonly ListFile[],
    readList: (sources: readonly Source[]) => Reading<Found & { readonly list: List }>,
  ) => {
    const read = await readSources(list, files);
    const found = await finish(readList(read.sources));
    problems.push(...read.problems, ...found.problems.map(describeProblem));
    warnings.push(...read.warnings, ...found.warnings.map(describeWarning));
    return found.list;
  };
  const recipientList = (sources: readonly Source[]) =>
    readRecipientList(sources, config.recipientDelimiter);
  const lists: Lists = {
    clients: await read(config.whitelistClients, readClientList),
    senders: await read(config.whitelistSenders, readSenderList),
    sendersBySpf: await read(config.whitelistSendersSpf, readSenderList),
    recipients: await read(config.whitelistRecipients, recipientList),
    greylisted: config.greylistRecipients.length === 0
      ? undefined
      : await read(config.greylistRecipients, recipientList),
    neverAutoWhitelisted: await read(config.autoWhitelistExcept, readClientList),
  };
  return { lists, problems, warnings };
}

/** The files and folders that the lists come from; a change of one of them is a change of the lists. */
export function listFiles(config: ListSettings): readonly string[] {
  return [
    config.whitelistClients,
    config.whitelistSenders,
    config.whitelistSendersSpf,
    config.whitelistRecipients,
    config.greylistRecipients,
    config.autoWhitelistExcept,
  ].flat().map(({ path }) => path);
}
