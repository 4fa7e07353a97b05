/** What both changeovers do: mail, a server that learns it, and ours that has imported what that has learned. */
import { spawnSync } from "node:child_process";
import { type Client, connect, environment, program, startDaemon } from "../support/greylist.ts";
import { request } from "../support/greylist.ts";
import type { Cleanup } from "../support/process.ts";

export interface Mail {
  readonly client_address: string;
  readonly client_name: string;
  readonly sender: string;
  readonly recipient: string;
}

/** How many mails are learned. */
export const mostMails = 2000;

/** Senders of the forms that there are. */
export function senderOf(i: number): string {
  const domain = `firma${i}.example`;
  switch (i % 8) {
    case 0:
      return `Alice@${domain}`;
    case 1:
      return `bounce-${i}-${i * 7}@${domain}`;
    case 2:
      return `news+${i}@${domain}`;
    case 3:
      return `prvs=012345678${i % 10}=bob@${domain}`;
    case 4:
      return `SRS0=ab${i % 10}d=${22 + i % 50}=other.example=carol@${domain}`;
    case 5:
      return `o'hara/x#y@${domain}`;
    case 6:
      return `j.\xf6rd\\@${domain}`;
    default:
      return "";
  }
}

/** Runs a command of the program, and gives what it prints. */
export function greylist(args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("env", [...program, ...args], {
    env: environment(),
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`status ${status}: ${stdout}${stderr}`);
  return stdout;
}

/** Our daemon, with this state. */
export async function ours(t: Cleanup, store: string): Promise<Client> {
  return await connect(t, (await startDaemon(t, ["--store", store])).endpoints[0]);
}

/** Those of the mails that are deferred. */
export async function deferred(server: Client, mails: readonly Mail[]): Promise<Mail[]> {
  const found: Mail[] = [];
  for (const mail of mails) {
    const answer = await server.ask(request({ ...mail }));
    if (answer.startsWith("action=DEFER_IF_PERMIT")) found.push(mail);
  }
  return found;
}
