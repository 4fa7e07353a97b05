/** Clients for the end-to-end tests: swaks, and a dialogue of our own for bytes that swaks cannot send. */
import { execFile } from "node:child_process";
import * as net from "node:net";

/** One mail, and who sends it. Text is latin1, one character a byte. */
export interface Mail {
  /** The client's address and verified name, told to Postfix by XCLIENT. */
  readonly client: string;
  readonly clientName: string;
  /** The envelope sender, "" for the null sender. */
  readonly from: string;
  readonly to: readonly string[];
  /** Goes into the header X-Test, by which the delivered message is found. */
  readonly id: string;
  /** How its client authenticates; by default it does not. */
  readonly login?: { readonly user: string; readonly password: string };
}

/** What became of it. */
export interface Attempt {
  /** The reply to each RCPT TO, in order. */
  readonly recipients: readonly string[];
  /** The reply to the message; undefined when no recipient was accepted. */
  readonly message: string | undefined;
}

/** An address as XCLIENT wants it. */
const xclientAddress = (address: string) => address.includes(":") ? `IPV6:${address}` : address;

/** Sends `mail` with swaks, to 127.0.0.1. */
export function swaks(port: number, mail: Mail): Promise<Attempt> {
  const args = ["--server", `127.0.0.1:${port}`, "--helo", mail.clientName];
  args.push("--xclient-addr", xclientAddress(mail.client), "--xclient-name", mail.clientName);
  args.push("--from", mail.from === "" ? "<>" : mail.from, "--to", mail.to.join(","));
  args.push("--header", `X-Test: ${mail.id}`, "--timeout", "30");
  if (mail.login !== undefined) {
    args.push("--auth", "PLAIN", "--auth-user", mail.login.user);
    args.push("--auth-password", mail.login.password);
  }
  return new Promise((resolve, reject) => {
    // Its exit status only says again what the replies say.
    execFile("swaks", args, { encoding: "latin1" }, (_status, stdout, stderr) => {
      const lines = stdout.split("\n");
      const replies = (command: RegExp) =>
        lines.flatMap((line, i) => command.test(line) ? [lines[i + 1]?.slice(4).trim() ?? ""] : []);
      const recipients = replies(/^ ?[~-]*> RCPT TO:/);
      if (recipients.length !== mail.to.length) reject(new Error(`swaks: ${stdout}${stderr}`));
      resolve({ recipients, message: replies(/^ ?[~-]*> \.$/)[0] });
    });
  });
}

/** Sends `mail` with the bytes of its addresses as they are. `utf8`: asks for SMTPUTF8 (RFC 6531). */
export async function rawBytes(port: number, mail: Mail, utf8: boolean): Promise<Attempt> {
  const say = await connect(port);
  await say(`EHLO ${mail.clientName}`);
  await say(`XCLIENT ADDR=${xclientAddress(mail.client)} NAME=${mail.clientName}`);
  await say(`EHLO ${mail.clientName}`);
  const sender = await say(`MAIL FROM:<${mail.from}>${utf8 ? " SMTPUTF8" : ""}`);
  if (!sender.startsWith("250")) throw new Error(`sender refused: ${sender}`);
  const recipients = [];
  for (const recipient of mail.to) recipients.push(await say(`RCPT TO:<${recipient}>`));
  let message;
  if (recipients.some((reply) => reply.startsWith("250"))) {
    await say("DATA");
    message = await say(`X-Test: ${mail.id}\r\n\r\nHello\r\n.`);
  }
  await say("QUIT");
  return { recipients, message };
}

/** Connects, and gives a function that sends one line and settles with the last line of its reply. */
export async function connect(port: number): Promise<(line: string) => Promise<string>> {
  const socket = net.connect(port, "127.0.0.1").setEncoding("latin1");
  socket.on("error", () => {/* told by the close that follows */});
  let received = "";
  const reply = () =>
    new Promise<string>((resolve, reject) => {
      const look = (chunk = "") => {
        received += chunk;
        const last = /^\d{3}(?: .*)?\r\n/m.exec(received);
        if (last === null) return;
        received = received.slice(last.index + last[0].length);
        socket.off("data", look).off("close", closed);
        resolve(last[0].trim());
      };
      const closed = () => reject(new Error(`connection closed after ${JSON.stringify(received)}`));
      if (socket.closed) closed();
      socket.on("data", look).on("close", closed);
      look();
    });
  await reply();
  return (line) => {
    socket.write(`${line}\r\n`, "latin1");
    return reply();
  };
}
