/**
 * Whether listeners still hear those that connect. In Deno 2.9 one that has once found no descriptor for a
 * connection never accepts another, and says nothing: smtpd connects, and waits in vain.
 *
 * - So each is woken at each look, and whoever waited is accepted. That is not possible for a unix socket, and nothing
 *   that the runtime promises; the rest is for these.
 * - A listener that has accepted nothing for a while is probed by a connection of our own. It asks nothing, and
 *   is let in beyond max-connections, so that no client has to go for it.
 * - A probe that could connect and is not accepted means that the listener is deaf. One that still connects
 *   means the same if such a connection was possible before: the queue is full. Otherwise it may be a firewall.
 *   One that could not connect for another reason means nothing, the address may be gone for a while.
 * - A deaf listener is replaced by a new one; when that does not help, the process has to end.
 * - Time is counted in looks, a second apart: a process that was stopped for a while has not been deaf.
 */
import { type Endpoint, formatEndpoint } from "../endpoint.ts";
import type { Listener } from "./listener.ts";
import { Probe, type ProbeState } from "./probe.ts";

const lookMilliseconds = 1000;

/** Looks without a connection until there is a probe, and until it is late. smtpd waits for 10 s and more. */
const quietLooks = 5, lateLooks = 10;

/** What to do about one listener. Pure. */
export class Hearing {
  #accepted = 0;
  #quiet = 0;
  #connectedBefore = false;
  #openedAnew = false;

  /**
   * Takes a look: how many connections have been accepted so far, and how far the probe is. "rest": the probe
   * has done its work; "wait": it goes on, or is not needed yet.
   */
  look(
    accepted: number,
    probe: ProbeState | undefined,
  ): "rest" | "wait" | "probe" | "listen anew" | "give up" {
    if (probe === "connected") this.#connectedBefore = true;
    if (accepted !== this.#accepted) {
      this.#accepted = accepted;
      this.#quiet = 0;
      this.#openedAnew = false;
      return "rest";
    }
    this.#quiet++;
    if (this.#quiet === quietLooks) return "probe";
    if (this.#quiet < lateLooks && probe !== "gone") return "wait";
    this.#quiet = 0;
    const deaf = probe === "connected" || probe === "gone" ||
      (probe === "connecting" && this.#connectedBefore);
    const again = this.#openedAnew;
    this.#openedAnew = deaf;
    if (!deaf) return "rest";
    this.#connectedBefore = false;
    return again ? "give up" : "listen anew";
  }
}

/** What a watch tells. */
export interface WatchEvents {
  readonly acceptError: (endpoint: Endpoint, problem: string) => void;
  /** A listener is deaf for good. */
  readonly lost: (error: Error) => void;
}

/** Keeps listeners hearing. */
export class Watch {
  readonly #events: WatchEvents;
  readonly #hearings = new Map<Listener, Hearing>();
  readonly #probes = new Map<Listener, Probe>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(events: WatchEvents) {
    this.#events = events;
  }

  start(listeners: readonly Listener[]): void {
    for (const listener of listeners) this.#hearings.set(listener, new Hearing());
    this.#timer = setInterval(() => {
      for (const [listener, hearing] of this.#hearings) this.#look(listener, hearing);
    }, lookMilliseconds);
  }

  /** How many connections may be our own. */
  get probes(): number {
    return this.#probes.size;
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const listener of this.#hearings.keys()) this.#endProbe(listener);
  }

  #look(listener: Listener, hearing: Hearing): void {
    const { endpoint } = listener;
    if (listener.replaced) {
      this.#events.acceptError(endpoint, "another server has taken its place");
      this.#hearings.delete(listener);
      this.#endProbe(listener);
      return;
    }
    listener.wake();
    const next = hearing.look(listener.accepted, this.#probes.get(listener)?.state);
    if (next === "wait") return;
    this.#endProbe(listener);
    if (next === "probe") this.#probes.set(listener, new Probe(endpoint));
    else if (next === "listen anew") {
      this.#events.acceptError(endpoint, "connections are not accepted any more, listening anew");
      listener.reopen().catch(this.#events.lost);
    } else if (next === "give up") {
      const problem = "connections are not accepted, though it was listened on anew";
      this.#events.lost(new Error(`Cannot accept on ${formatEndpoint(endpoint)}: ${problem}`));
    }
  }

  #endProbe(listener: Listener): void {
    this.#probes.get(listener)?.close();
    this.#probes.delete(listener);
  }
}
