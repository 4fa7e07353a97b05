/**
 * The page in a real browser, on a phone and a desktop, light and dark: nothing overlaps, everything can be read and
 * reached with the keyboard, and a screen reader gets the figures of the pictures.
 *
 *     SCREENSHOTS=folder deno run -A tools/test.ts tests/report
 *
 * keeps the pictures of it: whether it is beautiful, only people can say.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { startBrowser, type View } from "../support/chromium.ts";
import { environment, program } from "../support/greylist.ts";
import { mailLog } from "../support/mail_log.ts";
import { tempDir } from "../support/process.ts";

const views: readonly View[] = [390, 1280].flatMap((width) =>
  [
    { width, scheme: "light" },
    { width, scheme: "dark" },
  ] as const
);

/** What a log may have beside ordinary mail. */
const odd = (stamp: string) => {
  const client = `client_name=<script>alert(1)</script>, client_address=2001:db8::1`;
  const sender = `sender="><img\\x20src=x>${"a-long-sender.".repeat(12)}example.org`;
  const fields = `${client}, ${sender}, recipient=bob@example.com`;
  return [
    `${stamp} greylist[1]: action=greylist, reason=new, ${fields}, suspicion=HELO is an address, id=odd`,
    `${stamp} greylist[1]: action=pass, reason=triplet found, delay=122000, ${fields}, id=odd`,
    `${stamp} greylist[1]: store memcached:127.0.0.1:11211 is not usable: connect ECONNREFUSED`,
    `${stamp} greylist[1]: store memcached:127.0.0.1:11211 is usable again after 31 s`,
  ];
};

/** Whether something is wrong with what the page shows, as expressions in it: each gives a list of what is. */
const complaints = {
  "wider than the screen":
    `[...document.querySelectorAll("body, main, section, svg, figure, h1, h2, p")]
    .filter((e) => e.getClientRects().length > 0)
    .filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5 || e.getBoundingClientRect().left < -0.5)
    .map((e) => e.outerHTML.slice(0, 80))`,
  "texts of a picture that overlap": `[...document.querySelectorAll("svg")].flatMap((svg) => {
    const boxes = [...svg.querySelectorAll("text")].filter((e) => e.textContent !== "")
      .map((e) => [e.textContent, e.getBoundingClientRect()]).filter(([, box]) => box.width > 0);
    return boxes.flatMap(([a, p], n) => boxes.slice(n + 1)
      .filter(([, q]) => p.left < q.right && q.left < p.right && p.top + 1 < q.bottom && q.top + 1 < p.bottom)
      .map(([b]) => a + " and " + b));
  })`,
  "texts outside of their section": `[...document.querySelectorAll("svg text")].filter((e) => {
    const box = e.getBoundingClientRect(), around = e.closest("section").getBoundingClientRect();
    return box.width > 0 && (box.left < around.left || box.right > around.right);
  }).map((e) => e.textContent)`,
  "pictures that are not shown once": `[...document.querySelectorAll("figure")]
    .map((e) => [...e.querySelectorAll("svg")].filter((svg) => svg.getBoundingClientRect().width > 0).length)
    .filter((shown) => shown !== 1)`,
  "texts that are hard to read": `(() => {
    const channel = (c) => (c /= 255, c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const light = (rgb) => { const [r, g, b] = rgb.match(/[\\d.]+/g).map(Number).map(channel);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const behind = (e) => { for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)|transparent/.test(colour)) return colour; } };
    const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
      return (x + 0.05) / (y + 0.05); };
    const texts = [...document.querySelectorAll("h1, h2, h3, p, dt, dd, th, td, li, summary, footer, svg text")]
      .filter((e) => e.getClientRects().length > 0)
      .filter((e) => contrast(getComputedStyle(e).color, behind(e)) < 4.5 || parseFloat(getComputedStyle(e).fontSize) < 12);
    const bars = [...document.querySelectorAll("svg rect")].filter((e) => e.getBoundingClientRect().width > 0)
      .filter((e) => contrast(getComputedStyle(e).fill, behind(e)) < 3);
    return [...texts, ...bars].map((e) => e.outerHTML.slice(0, 80));
  })()`,
  "markup of strangers": `[...document.querySelectorAll("script, img")].map((e) => e.outerHTML)`,
};

test("the page can be read on a phone and a desktop, light and dark", async (t) => {
  const dir = tempDir(t), log = path.join(dir, "mail.log"), page = path.join(dir, "report.html");
  const begin = Date.UTC(2026, 10, 16) / 1000;
  const lines = [...mailLog(20_000, begin, 7), ...odd("2026-11-22T23:00:00+00:00")];
  fs.writeFileSync(log, lines.join("\n"));
  execFileSync("env", [...program, "report", "--html", page, log], { env: environment() });
  const browser = await startBrowser(t), kept = process.env["SCREENSHOTS"];
  const shots: string[] = [];
  for (const view of views) {
    const name = `report-${view.width}-${view.scheme}`;
    await browser.open(page, view);
    for (const [what, expression] of Object.entries(complaints)) {
      assert.deepEqual(await browser.evaluate(expression), [], `${name}: ${what}`);
    }
    assert.deepEqual(browser.requests, [`file://${page}`]);
    const shot = await browser.screenshot();
    if (kept !== undefined) fs.writeFileSync(path.join(kept, `${name}.png`), shot);
    shots.push(shot.toString("base64"));
    assert.equal(shot.readUInt32BE(16), view.width);
  }
  assert.equal(new Set(shots).size, views.length, "light and dark, wide and narrow differ");

  // With the keyboard alone: to the first table behind a picture, and open it.
  await browser.open(page, views[0]!);
  const focused = () => browser.evaluate<string>("document.activeElement.tagName");
  for (let n = 0; n < 20 && await focused() !== "SUMMARY"; n++) await browser.press("Tab");
  assert.equal(await focused(), "SUMMARY");
  await browser.press("Enter");
  assert.equal(await browser.evaluate("document.activeElement.parentElement.open"), true);

  const told = await browser.accessibility();
  const named = (role: string) => told.filter((one) => one.role === role).map(({ name }) => name);
  assert.ok(named("heading").includes("Decisions per hour"), named("heading").join());
  assert.ok(named("region").includes("Decisions per hour"), named("region").join());
  const counts = await browser.evaluate<string[]>(
    "[...document.querySelectorAll('details[open] td')].map((e) => e.textContent)",
  );
  assert.ok(counts.length > 100);
  for (const count of counts) assert.ok(named("cell").includes(count), count);
});
