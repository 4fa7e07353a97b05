/**
 * A report as a page: one file without script, and with nothing to be fetched. Each picture has a table with the same
 * figures behind it.
 */
import type { Figures } from "./figures.ts";
import { Html, markup } from "./markup.ts";
import { decisions, waits } from "./page_pictures.ts";
import { style } from "./page_style.ts";
import { figureTable, wordTable } from "./page_table.ts";
import { counted, troubleLines } from "./text.ts";
import { duration, moment, number, percent } from "./words.ts";
import { version } from "../version.ts";

/** What a browser may do with it, should a value ever become markup: nothing. */
const policy = "default-src 'none'; style-src 'unsafe-inline'";

export function reportPage(figures: Figures): string {
  const { period, read } = figures;
  const span = period === undefined ? "" : `${moment(period.from)} to ${moment(period.to)}`;
  const scope = [
    span,
    `${counted(figures.decisions.all, "decision")} in ${counted(read.lines, "line")} of log`,
  ];
  return markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>Greylisting${span === "" ? "" : `, ${span}`}</title>
<style>${new Html(style)}</style>
</head>
<body>
<main>
<header>
<h1>Greylisting</h1>
<p class="quiet">${scope.filter((part) => part !== "").join(" · ")}</p>
</header>
${cards(figures)}
${decisions(figures)}
${waits(figures)}
${rules(figures)}
${suspicions(figures)}
${waitedLongest(figures)}
${triedMost(figures)}
${list("Store, DNS and log", troubleLines(figures), "No trouble.")}
${figures.approximate.length === 0 ? "" : list("Not exact", figures.approximate, "")}
<footer>Made by greylist ${version}. A mail to several recipients counts once for each.</footer>
</main>
</body>
</html>
`.text;
}

function cards({ decisions, waiting, waits }: Figures): Html {
  const { mails, cameBack, neverCameBack } = waiting;
  const card = (name: string, figure: string, more: string) =>
    markup`<div><dt>${name}</dt><dd class="figure">${
      figure || "–"
    }</dd><dd class="quiet">${more}</dd></div>
`;
  return markup`<dl class="cards">
${
    card(
      "Let through at once",
      percent(decisions.letThrough, decisions.all),
      `${number(decisions.letThrough)} of ${counted(decisions.all, "decision")}`,
    )
  }${
    card(
      "Came back",
      percent(cameBack, mails),
      `${number(cameBack)} of ${counted(mails, "mail")} that had to wait`,
    )
  }${
    card(
      "Median wait",
      waits.median === undefined ? "" : duration(waits.median),
      waits.p90 === undefined ? "nothing came back" : `9 of 10 within ${duration(waits.p90)}`,
    )
  }${card("Never came back", percent(neverCameBack, mails), counted(neverCameBack, "mail"))}</dl>`;
}

function rules({ rules, decisions, waits: { median } }: Figures): Html {
  const each = median === undefined
    ? ""
    : ` Each would have waited ${duration(median)}, the median.`;
  return unlessEmpty(
    rules,
    () =>
      markup`<section>
<h2>What let mails through at once</h2>
<p class="quiet">By the reason in the log.${each}</p>
${
        figureTable({
          caption: "What let mails through at once",
          head: ["reason", "mails", "share", "waiting saved"],
          rows: rules.map(({ reason, mails, savedSeconds }) => [
            reason,
            number(mails),
            percent(mails, decisions.letThrough),
            savedSeconds === undefined ? "–" : duration(savedSeconds),
          ]),
        })
      }
</section>`,
  );
}

function suspicions({ suspicions, decisions }: Figures): Html {
  return unlessEmpty(
    suspicions,
    () =>
      markup`<section>
<h2>Why clients were suspicious</h2>
<p class="quiet">Of the decisions to defer.</p>
${
        figureTable({
          caption: "Why clients were suspicious",
          head: ["suspicion", "deferred", "share"],
          rows: suspicions.map(({ reason, deferred }) => [
            reason,
            number(deferred),
            percent(deferred, decisions.deferred),
          ]),
        })
      }
</section>`,
  );
}

function waitedLongest({ waitedLongest }: Figures): Html {
  return unlessEmpty(
    waitedLongest,
    () =>
      markup`<section>
<h2>Waited longest</h2>
<p class="quiet">Of the mails that came back.</p>
${
        wordTable({
          caption: "Mails that waited longest",
          head: ["client", "sender", "recipient", "accepted", "waited"],
          rows: waitedLongest.map(({ seconds, at, client, sender, recipient }) => [
            client,
            sender || "<>",
            recipient,
            at === undefined ? "" : moment(at),
            duration(seconds),
          ]),
        }, 3)
      }
</section>`,
  );
}

function triedMost({ triedMost }: Figures): Html {
  return unlessEmpty(
    triedMost,
    () =>
      markup`<section>
<h2>Deferred most often</h2>
<p class="quiet">Clients, by how often they were told to come back later.</p>
${
        wordTable({
          caption: "Clients that were deferred most often",
          head: ["client", "deferred", "mails", "came back"],
          rows: triedMost.map(({ client, deferred, mails, cameBack }) => [
            client,
            ...[deferred, mails, cameBack].map(number),
          ]),
        }, 1)
      }
</section>`,
  );
}

function unlessEmpty(list: readonly unknown[], section: () => Html): Html {
  return list.length === 0 ? markup`` : section();
}

function list(title: string, lines: readonly string[], ifNone: string): Html {
  return markup`<section>
<h2>${title}</h2>
${
    lines.length === 0
      ? markup`<p class="quiet">${ifNone}</p>`
      : markup`<ul>${lines.map((line) => markup`<li>${line}</li>`)}</ul>`
  }
</section>`;
}
