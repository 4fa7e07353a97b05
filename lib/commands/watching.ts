/** A serving program's metrics: what counts, and the port where that can be read. Loaded only where it is asked for. */
import process from "node:process";
import { messageOf } from "../error.ts";
import { type Endpoint, formatEndpoint } from "../endpoint.ts";
import type { Exchanged } from "../dns/resolver.ts";
import type { Log } from "../log/log.ts";
import type { OpenLog } from "../log/open.ts";
import { countingLog } from "../metrics/counting_log.ts";
import { CountingStore } from "../metrics/counting_store.ts";
import { Counts } from "../metrics/counts.ts";
import { createPages } from "../metrics/pages.ts";
import type { Daemon } from "../server/daemon.ts";
import { type HttpServer, httpSockets, serveHttp } from "../server/http.ts";
import type { Store } from "../stores/store.ts";
import { version } from "../version.ts";

export class Watching {
  /** How many descriptors it may need. */
  readonly sockets = httpSockets;
  /** Counts what it is told, and tells the log. */
  readonly log: Log;
  readonly #counts = new Counts();
  #server: HttpServer | undefined;
  #isStopping = false;

  constructor(
    private readonly endpoint: Extract<Endpoint, { kind: "inet" }>,
    private readonly openLog: OpenLog,
  ) {
    this.log = countingLog(openLog.log, this.#counts);
  }

  counted(store: Store): Store {
    return new CountingStore(store, this.#counts);
  }

  readonly answered = (milliseconds: number): void =>
    this.#counts.answerSeconds.add(milliseconds / 1000);

  readonly exchanged: Exchanged = (milliseconds, isAnswered) =>
    this.#counts.exchanged(milliseconds / 1000, isAnswered);

  /** Serves metrics. Where that is not possible the log says why: mail is more important. */
  async serve(
    { daemon, store, asksDns }: {
      readonly daemon: Daemon;
      readonly store: Store;
      readonly asksDns: () => boolean;
    },
  ): Promise<void> {
    const { log, endpoint } = this;
    const startedAt = Math.round(Date.now() / 1000 - process.uptime());
    const { bun, deno } = process.versions;
    const runtime = deno === undefined ? `bun ${bun}` : `deno ${deno}`;
    const pageAt = createPages(
      () => ({
        counts: this.#counts,
        connections: daemon.connections,
        linesLost: this.openLog.linesLost,
        version,
        runtime,
        startedAt,
      }),
      () => ({ isStopping: this.#isStopping, store: store.name, asksDns: asksDns() }),
    );
    try {
      this.#server = await serveHttp(endpoint, pageAt, log.internalError);
      log.metricsAt(formatEndpoint(this.#server.endpoint));
    } catch (error) {
      log.noMetrics(
        formatEndpoint(endpoint),
        messageOf(error),
      );
    }
  }

  /** From now on /healthz says so. */
  stopping(): void {
    this.#isStopping = true;
  }

  close(): void {
    this.#server?.close();
  }
}
