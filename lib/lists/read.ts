/**
 * The lists that the settings name, read from their files: all of them, or every problem in them.
 */
import { type ClientList, readClientList } from "./clients.ts";
import { describeProblem, type Source } from "./lines.ts";
import { readRecipientList, type RecipientList } from "./recipients.ts";
import { patternSetsFor } from "./regex.ts";

/** Who is greylisted and who is not, as far as that is written down. */
export interface Lists {
  /** Clients that are never greylisted. */
  readonly clients: ClientList;
  /** Recipients that are never greylisted. */
  readonly recipients: RecipientList;
  /** The only recipients that are greylisted; undefined: all. */
  readonly greylisted: RecipientList | undefined;
  /** Clients that never get into the auto-whitelist. */
  readonly neverAutoWhitelisted: ClientList;
}

/** A list's file; an optional one need not be there. */
export interface ListFile {
  readonly path: string;
  readonly optional: boolean;
}

/** The settings that name lists. */
export interface ListSettings {
  readonly whitelistClients: readonly ListFile[];
  readonly whitelistRecipients: readonly ListFile[];
  readonly greylistRecipients: readonly ListFile[];
  readonly autoWhitelistExcept: readonly ListFile[];
}

/** How files are read. */
export interface Files {
  /** Throws when the file cannot be read; the message says why. */
  readonly readFile: (path: string) => string;
  readonly exists: (path: string) => boolean;
}

/** Reads every list. With problems, there is something in them that must be told before they are used. */
export async function readLists(
  config: ListSettings,
  files: Files,
): Promise<{ readonly lists: Lists; readonly problems: readonly string[] }> {
  const problems: string[] = [];
  const sourcesOf = (list: readonly ListFile[]) =>
    list.flatMap(({ path, optional }): Source[] => {
      if (optional && !files.exists(path)) return [];
      try {
        return [{ file: path, text: files.readFile(path) }];
      } catch (error) {
        problems.push(`Cannot read "${path}": ${error instanceof Error ? error.message : error}`);
        return [];
      }
    });
  const clients = async (list: readonly ListFile[]) => {
    const sources = sourcesOf(list);
    const read = readClientList(sources, await patternSetsFor(sources));
    problems.push(...read.problems.map(describeProblem));
    return read.list;
  };
  const recipients = async (list: readonly ListFile[]) => {
    const sources = sourcesOf(list);
    const read = readRecipientList(sources, await patternSetsFor(sources));
    problems.push(...read.problems.map(describeProblem));
    return read.list;
  };
  const lists: Lists = {
    clients: await clients(config.whitelistClients),
    recipients: await recipients(config.whitelistRecipients),
    greylisted: config.greylistRecipients.length === 0
      ? undefined
      : await recipients(config.greylistRecipients),
    neverAutoWhitelisted: await clients(config.autoWhitelistExcept),
  };
  return { lists, problems };
}

/** The files that the lists come from; a change of one of them is a change of the lists. */
export function listFiles(config: ListSettings): readonly string[] {
  const { whitelistClients, whitelistRecipients, greylistRecipients, autoWhitelistExcept } = config;
  return [whitelistClients, whitelistRecipients, greylistRecipients, autoWhitelistExcept].flat()
    .map(({ path }) => path);
}
