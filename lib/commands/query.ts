/**
 * `greylist query`: asks a running server as Postfix does, and prints its action. In state RCPT that is an attempt to
 * deliver, which the server remembers; with `--state CONNECT` it has nothing to say, and shows that it is well.
 *
 * Exit status: 0, the mail passes; 75, it is deferred; 64; 69, no server, or no answer within 4 s; 76, an answer that
 * is none; 78.
 */
import { Buffer } from "node:buffer";
import * as net from "node:net";
import { loadConfig } from "../config/config.ts";
import { type Endpoint, formatEndpoint, parseEndpoint, reachableHosts } from "../endpoint.ts";
import { files } from "../files.ts";
import { escapeText } from "../log/escape.ts";
import type { Given } from "./command.ts";
import { type Mail, readMail } from "./mail.ts";
import { refuse } from "./refuse.ts";
import { exitDeferred, exitProtocol, exitUnavailable, exitUsage } from "./statuses.ts";
import { print, tell } from "./terminal.ts";

/** For connecting and the answer together. */
const patienceMilliseconds = 4000;

/** What comes back is shorter than this by far (codec.ts). */
const longestReply = 4096;

export async function query(given: Given): Promise<number> {
  const { line } = given;
  if (line.problems.length > 0) return await refuse(line.problems);
  const state = line.options.get("state") ?? "RCPT";
  const usage = (problem: string) => (tell([problem]), exitUsage);
  if (!/^[A-Z-]{1,20}$/.test(state)) {
    return usage(`--state: want RCPT, CONNECT, or another of SMTP's, got "${state}"`);
  }
  let mail: Mail | undefined;
  if (state === "RCPT" || line.options.has("client") || line.options.has("log-line")) {
    const read = await readMail(line);
    if ("problem" in read) return usage(read.problem);
    if (state === "RCPT" && (read.sender === undefined || read.recipient === undefined)) {
      return usage("want --sender and --recipient; --sender '' is the null sender");
    }
    mail = read;
  }
  const server = serverOf(given);
  if ("problems" in server) {
    return server.isUsage ? usage(server.problems.join()) : await refuse(server.problems);
  }
  const where = formatEndpoint(server);
  let reply: string;
  try {
    reply = await ask(server, requestBytes(state, mail));
  } catch (error) {
    tell([`${where}: ${(error as Error).message}`]);
    return exitUnavailable;
  }
  const action = /^action=([^\n]+)\n\n$/.exec(reply)?.[1];
  const [, verb = ""] = /^(DUNNO|PREPEND|DEFER_IF_PERMIT|DEFER|4\d\d)(?= |$)/.exec(action ?? "") ??
    [];
  if (action === undefined || verb === "") {
    tell([`${where}: want a reply of greylist, got "${escapeText(reply.trim())}"`]);
    return exitProtocol;
  }
  const passes = verb === "DUNNO" || verb === "PREPEND";
  print(line.switches.has("json") ? JSON.stringify({ server: where, passes, action }) : action);
  return passes ? 0 : exitDeferred;
}

/** Where the server is: as said, or where the settings have it listen first. */
function serverOf(
  { line, env }: Given,
): Endpoint | { readonly problems: readonly string[]; readonly isUsage: boolean } {
  const said = line.options.get("server");
  if (said !== undefined) {
    try {
      return parseEndpoint(said);
    } catch (error) {
      return { problems: [`--server: ${(error as RangeError).message}`], isUsage: true };
    }
  }
  const loaded = loadConfig({ flags: line, env, ...files });
  if ("problems" in loaded) return { problems: loaded.problems, isUsage: false };
  const [first] = loaded.config.listen;
  return first ?? { problems: ["listen: want an endpoint, or --server"], isUsage: false };
}

function requestBytes(state: string, mail: Mail | undefined): string {
  const attributes = {
    request: "smtpd_access_policy",
    protocol_state: state,
    protocol_name: "ESMTP",
    client_address: mail?.client,
    client_name: mail && (mail.clientName ?? "unknown"),
    helo_name: mail?.helo,
    sender: mail?.sender,
    recipient: mail?.recipient,
  };
  const lines = Object.entries(attributes).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}\n`]
  );
  return `${lines.join("")}\n`;
}

/** What comes back, up to the end of a reply. Rejects when nothing does in time. */
async function ask(server: Endpoint, request: string): Promise<string> {
  const places: readonly net.NetConnectOpts[] = server.kind === "unix"
    ? [{ path: server.path }]
    : reachableHosts(server.host).map((host) => ({ host, port: server.port }));
  const end = performance.now() + patienceMilliseconds;
  let failure: unknown;
  for (const place of places) {
    try {
      return await askAt(place, request, end - performance.now());
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function askAt(
  place: net.NetConnectOpts,
  request: string,
  milliseconds: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(place);
    let reply = "";
    const settle = (how: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      how();
    };
    // Something that speaks, but not this protocol, may never end what looks like a reply.
    const give = (why: string) => () => reply === "" ? reject(new Error(why)) : resolve(reply);
    const timer = setTimeout(
      () => settle(give(`no answer within ${patienceMilliseconds / 1000} s`)),
      Math.max(1, milliseconds),
    );
    socket.setEncoding("latin1");
    socket.once("connect", () => socket.write(Buffer.from(request, "latin1")));
    socket.on("data", (piece: string) => {
      reply += piece;
      if (reply.endsWith("\n\n") || reply.length > longestReply) settle(() => resolve(reply));
    });
    socket.on("error", (error) => settle(() => reject(error)));
    socket.on("close", () => settle(give("closed the connection without an answer")));
  });
}
