/**
 * What a real Prometheus makes of the metrics, the alerts and the dashboard: scraped each second while a load runs, for
 * LOAD_SECONDS (15). Needs the Debian package prometheus.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { type Client, connect, request, startDaemon } from "../support/greylist.ts";
import { freePort, start, tempDir, waitFor } from "../support/process.ts";

const seconds = Number(process.env["LOAD_SECONDS"] || 15);
const contrib = path.resolve(import.meta.dirname ?? ".", "../../contrib");
const rules = path.join(contrib, "prometheus");

/** The result of a query: series, and their values now. */
type Series = readonly {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}[];

/** Runs promtool, and gives what it said. */
function promtool(args: readonly string[], input = ""): string {
  const { status, stdout, stderr } = spawnSync("promtool", args, {
    cwd: rules,
    input,
    encoding: "utf8",
  });
  assert.equal(status, 0, stdout + stderr);
  return stdout + stderr;
}

test("promtool takes the alerts, and finds that they say what they should", () => {
  assert.match(promtool(["check", "rules", "alerts.yml"]), /SUCCESS: 4 rules found/);
  assert.match(promtool(["test", "rules", "alerts_test.yml"]), /SUCCESS/);
});

test("a Prometheus that scrapes under load gets every page, and counts what was answered", async (t) => {
  const daemon = await startDaemon(t, ["--metrics", "inet:127.0.0.1:0"]);
  const [, target = ""] = /metrics are at inet:(\S+)/.exec(daemon.stderr()) ?? [];
  const page = async () => (await fetch(`http://${target}/metrics`)).text();
  assert.equal(promtool(["check", "metrics"], await page()), "");

  const folder = tempDir(t), port = await freePort(), file = path.join(folder, "prometheus.yml");
  const config = {
    global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
    scrape_configs: [{ job_name: "greylist", static_configs: [{ targets: [target] }] }],
    rule_files: [path.join(rules, "alerts.yml")],
  };
  // JSON is YAML.
  fs.writeFileSync(file, JSON.stringify(config));
  const prometheus = start(t, "prometheus", [
    `--config.file=${file}`,
    `--storage.tsdb.path=${path.join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
  const query = async (expression: string): Promise<Series> => {
    const body = new URLSearchParams({ query: expression });
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query`, { method: "POST", body });
    const { status, data, error } = await answer.json();
    assert.equal(status, "success", `${expression}: ${error}`);
    return data.result;
  };
  const number = async (expression: string) => Number((await query(expression))[0]?.value[1]);
  await waitFor("Prometheus to scrape", async () => {
    assert.equal(prometheus.child.exitCode, null, prometheus.stderr());
    return await number("up").catch(() => NaN) === 1;
  }, 30_000);

  const [endpoint] = daemon.endpoints;
  const end = performance.now() + 1000 * seconds;
  let answered = 0;
  const ask = async (client: Client, n: number) => {
    while (performance.now() < end) {
      const sender = `a${n}@example${answered}.org`;
      assert.match(
        await client.ask(request({ client_address: `198.51.100.${n}`, sender })),
        /^action=/,
      );
      answered++;
    }
  };
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(t, endpoint)));
  await Promise.all(clients.map(ask));
  assert.ok(answered > seconds * 10, `${answered} answers`);
  await waitFor(
    "Prometheus to have seen all",
    async () => await number("greylist_answer_duration_seconds_count") === answered,
  );
  assert.equal(await number("sum(greylist_decisions_total)"), answered);
  const slowest = await number(`max_over_time(scrape_duration_seconds[${seconds}s])`);
  const missed = await number(`count_over_time(up[${seconds}s]) - sum_over_time(up[${seconds}s])`);
  assert.equal(missed, 0, `${missed} pages did not come; the slowest took ${slowest} s`);
  assert.ok(await number(`count_over_time(up[${seconds}s])`) > seconds / 2);
  assert.deepEqual(await query('ALERTS{alertstate="firing"}'), []);

  for (const [title, expression] of dashboardQueries(target)) {
    const series = await query(expression);
    const isUnused = /DNS|dns|waited/.test(title + expression);
    assert.ok(series.length > 0 || isUnused, `${title}: ${expression}`);
  }
  assert.equal(await daemon.stop(), 0);
  await waitFor("Prometheus to miss it", async () => await number("up") === 0);
});

/** What the dashboard asks for, with its variables set. */
function dashboardQueries(instance: string): [title: string, expression: string][] {
  const text = fs.readFileSync(path.join(contrib, "grafana/greylist.json"), "utf8");
  const { panels } = JSON.parse(text) as {
    panels: { title: string; targets: { expr: string }[] }[];
  };
  assert.equal(panels.length, 6);
  return panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }): [string, string] => [
      title,
      expr.replaceAll("$job", "greylist").replaceAll("$instance", instance)
        .replaceAll("$__rate_interval", "30s"),
    ])
  );
}
