/**
 * The pictures of the page, as SVG: drawn by Observable Plot into a document that lives in memory only.
 *
 * Colours are variables of the page, so that light and dark are one picture. There are two sizes of each, because text
 * that shrinks with the picture cannot be read on a phone; the page shows one. Readers that do not look at them have the
 * tables.
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { Bins } from "./bins.ts";
import { Html, markup } from "./markup.ts";
import type { Hour } from "./tally.ts";
import type { WaitClass } from "./waits.ts";
import { number, waitClass } from "./words.ts";

/** What a decision can be, from the bottom of a bar to its top. */
export const kinds: readonly { readonly key: keyof Hour; readonly name: string }[] = [
  { key: "letThrough", name: "let through at once" },
  { key: "accepted", name: "accepted after waiting" },
  { key: "deferred", name: "deferred" },
];

/** The wide one and the narrow one, in pixels. */
const widths = [1040, 340] as const;

/** What is behind the bars, and their text. */
const look = { background: "none", overflow: "visible", fontFamily: "inherit", fontSize: "13px" };

/** Decisions one after the other, in bars that stand on each other. */
export function decisionsPicture({ bins, hoursEach }: Bins): Html {
  const end = (from: Date) => new Date(from.getTime() + hoursEach * 3_600_000);
  const parts = bins.flatMap(({ from, ...counts }) =>
    kinds.map(({ key, name }) => ({ from, to: end(from), name, decisions: counts[key] }))
  ).filter(({ decisions }) => decisions > 0);
  return inBothWidths((width, document) => {
    const hasGaps = width / bins.length > 6;
    return Plot.plot({
      document,
      width,
      height: width > 600 ? 320 : 260,
      marginLeft: 48,
      marginRight: 12,
      style: look,
      x: { type: "utc", label: null, ticks: width / 90, tickFormat: timeLabel },
      y: { label: null, ticks: 5, tickFormat: number, grid: true },
      color: {
        domain: kinds.map(({ name }) => name),
        range: kinds.map(({ key }) => `var(--${key})`),
      },
      marks: [
        Plot.rectY(parts, {
          x1: "from",
          x2: "to",
          y: "decisions",
          fill: "name",
          order: kinds.map(({ name }) => name),
          inset: hasGaps ? 0.25 : 0,
          // Where bars touch, edges between pixels would look like gaps, some wider than others.
          shapeRendering: hasGaps ? "auto" : "crispEdges",
        }),
        Plot.ruleY([0]),
      ],
    });
  });
}

/** How many waited how long, a bar for each class of times. */
export function waitsPicture(distribution: readonly WaitClass[]): Html {
  const rows = distribution.map(({ fromSeconds, toSeconds, mails }) => ({
    name: waitClass(fromSeconds, toSeconds),
    mails,
  }));
  return inBothWidths((width, document) =>
    Plot.plot({
      document,
      width,
      height: 40 + 26 * rows.length,
      marginLeft: 100,
      marginRight: 64,
      marginTop: 8,
      style: look,
      x: { label: null, ticks: width / 120, tickFormat: number, grid: true },
      y: { label: null, domain: rows.map(({ name }) => name), tickSize: 0, padding: 0.25 },
      marks: [
        Plot.barX(rows, { x: "mails", y: "name", fill: "var(--accepted)" }),
        Plot.text(rows, {
          x: "mails",
          y: "name",
          text: ({ mails }) => number(mails),
          textAnchor: "start",
          dx: 6,
        }),
        Plot.ruleX([0]),
      ],
    })
  );
}

/** The day at midnight, otherwise the hour. */
function timeLabel(at: Date): string {
  const time = at.toISOString().slice(11, 16);
  if (time !== "00:00") return time;
  return at.toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
}

/** Of what a browser knows, this program has not even the types. */
type Memory = { readonly document: Plot.PlotOptions["document"] };
interface Picture {
  readonly outerHTML: string;
  setAttribute(name: string, value: string): void;
}

function inBothWidths(draw: (width: number, document: Memory["document"]) => Picture): Html {
  return markup`${
    widths.map((width, n) => {
      const { document } = parseHTML("<html></html>") as unknown as Memory;
      const picture = draw(width, document);
      picture.setAttribute("aria-hidden", "true");
      return markup`<div class="${n === 0 ? "wide" : "narrow"}">${new Html(
        picture.outerHTML,
      )}</div>`;
    })
  }`;
}
