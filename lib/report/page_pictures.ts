/** The sections of the page that have a picture, each with the table of its figures. */
import { binned, type Bins } from "./bins.ts";
import type { Figures } from "./figures.ts";
import { type Html, markup } from "./markup.ts";
import { figureTable } from "./page_table.ts";
import { decisionsPicture, kinds, waitsPicture } from "./pictures.ts";
import { counted } from "./text.ts";
import { duration, number, percent, waitClass } from "./words.ts";

/** As a bar has them, from its top. */
const fromTop = [...kinds].reverse();

export function decisions({ decisions, hours }: Figures): Html {
  const found = binned(hours);
  const totals = figureTable({
    caption: "Decisions",
    head: ["decision", "mails", "share"],
    rows: fromTop.map(({ key, name }) => [
      name,
      number(decisions[key]),
      percent(decisions[key], decisions.all),
    ]),
  });
  if (found === undefined) {
    return markup`<section>
<h2>Decisions</h2>
${totals}
</section>`;
  }
  const each = eachBin(found);
  return markup`<section>
<h2>Decisions ${each}</h2>
<p class="quiet">What became of the mails that greylisting was asked about.</p>
<figure>
${decisionsPicture(found)}
<ul class="legend" aria-hidden="true">${
    fromTop.map(({ key, name }) => markup`<li class="${key}">${name}</li>`)
  }</ul>
</figure>
${totals}
<details>
<summary>Table of the decisions ${each}</summary>
${
    figureTable({
      caption: `Decisions ${each}`,
      head: ["from", ...fromTop.map(({ name }) => name)],
      rows: found.bins.map((bin) => [
        bin.from.toISOString().slice(0, 16).replace("T", " "),
        ...fromTop.map(({ key }) => number(bin[key])),
      ]),
    })
  }
</details>
</section>`;
}

function eachBin({ hoursEach }: Bins): string {
  if (hoursEach === 1) return "per hour";
  if (hoursEach < 24) return `per ${hoursEach} hours`;
  const days = hoursEach / 24;
  if (days === 1) return "per day";
  return days === 7 ? "per week" : `per ${days / 7} weeks`;
}

export function waits({ waiting, waits }: Figures): Html {
  const { mails, cameBack, neverCameBack, mayStillCome, retryWindowSeconds } = waiting;
  if (mails === 0) return markup``;
  return markup`<section>
<h2>How long mails waited</h2>
<p class="quiet">${counted(mails, "mail")} had to wait.${percentiles(waits)}</p>
${
    figureTable({
      caption: "Mails that had to wait",
      head: ["mails that had to wait", "mails", "share"],
      rows: [
        ["came back", cameBack] as const,
        ["never came back", neverCameBack] as const,
        [`may still come (within ${duration(retryWindowSeconds)})`, mayStillCome] as const,
      ].map(([name, part]) => [name, number(part), percent(part, mails)]),
    })
  }
${cameBack === 0 ? "" : distribution(waits, cameBack)}
</section>`;
}

function percentiles({ median, p90, p99, longest }: Figures["waits"]): string {
  if (median === undefined || p90 === undefined || p99 === undefined) return "";
  return ` Of those that came back, half waited at most ${duration(median)}, 9 of 10 at most ` +
    `${duration(p90)}, 99 of 100 at most ${duration(p99)}, and the longest ${
      duration(longest ?? p99)
    }.`;
}

function distribution({ distribution }: Figures["waits"], cameBack: number): Html {
  return markup`<figure>
<h3>Mails that came back, by how long they waited</h3>
${waitsPicture(distribution)}
</figure>
<details>
<summary>Table of the waiting times</summary>
${
    figureTable({
      caption: "Mails that came back, by how long they waited",
      head: ["waited", "mails", "share"],
      rows: distribution.map(({ fromSeconds, toSeconds, mails }) => [
        waitClass(fromSeconds, toSeconds),
        number(mails),
        percent(mails, cameBack),
      ]),
    })
  }
</details>`;
}
