/**
 * One smtpd's habits, for loads: asks on a connection that it keeps, one request at a time, and connects anew when that
 * was closed. What comes without having been asked for is kept: there must never be any.
 */
import * as net from "node:net";

/** What became of a request. */
export type Answer =
  | { readonly kind: "reply"; readonly text: string; readonly milliseconds: number }
  /** The connection was ended instead; could not be made; nothing came in time. */
  | { readonly kind: "closed" | "refused" | "late" };

export class Asker {
  /** Bytes that came while nothing was asked, or behind a reply. */
  unasked = "";
  #socket: net.Socket | undefined;
  #received = "";
  #asked = 0;
  #settle: ((answer: Answer) => void) | undefined;

  constructor(private readonly where: { readonly host: string; readonly port: number }) {}

  get connected(): boolean {
    return this.#socket !== undefined;
  }

  /** Asks, and waits for `patienceMilliseconds` at most: then the connection is given up. Never rejects. */
  async ask(bytes: string, patienceMilliseconds: number): Promise<Answer> {
    const socket = this.#socket ?? await this.#connect();
    if (socket === undefined) return { kind: "refused" };
    const answer = await new Promise<Answer>((resolve) => {
      const timer = setTimeout(() => resolve({ kind: "late" }), patienceMilliseconds);
      this.#settle = (answer) => (clearTimeout(timer), resolve(answer));
      this.#asked = performance.now();
      socket.write(bytes, "latin1");
    });
    this.#settle = undefined;
    if (answer.kind === "late") this.close();
    return answer;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #connect(): Promise<net.Socket | undefined> {
    const socket = net.connect(this.where);
    socket.setNoDelay(true).setEncoding("latin1");
    socket.on("data", (text: string) => this.#receive(text));
    return new Promise((resolve) => {
      socket.once("connect", () => {
        this.#received = "";
        resolve(this.#socket = socket);
      });
      // A reset is one way of closing.
      socket.on("error", () => {});
      socket.on("end", () => socket.destroy());
      socket.on("close", () => {
        resolve(undefined);
        if (this.#socket !== socket) return;
        this.#socket = undefined;
        this.#settle?.({ kind: "closed" });
      });
    });
  }

  #receive(text: string): void {
    if (this.#settle === undefined) return void (this.unasked += text);
    this.#received += text;
    const end = this.#received.indexOf("\n\n") + 2;
    if (end < 2) return;
    this.unasked += this.#received.slice(end);
    const reply = this.#received.slice(0, end);
    this.#received = "";
    const milliseconds = performance.now() - this.#asked;
    this.#settle({ kind: "reply", text: reply, milliseconds });
    this.#settle = undefined;
  }
}
