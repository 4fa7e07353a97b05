/** The tables of the page. Pure. */
import { Html, markup } from "./markup.ts";

export interface TableShape {
  /** Who does not see the table is told what it is. */
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A table of figures: the first column says of what, the others are numbers. */
export function figureTable({ caption, head, rows }: TableShape): Html {
  const [first = "", ...numbers] = head;
  return scrolling(
    caption,
    markup`<table class="figures">
<thead><tr><th scope="col">${first}</th>${
      numbers.map((name) => markup`<th scope="col">${name}</th>`)
    }</tr></thead>
<tbody>${
      rows.map(([name = "", ...cells]) =>
        markup`
<tr><th scope="row">${name}</th>${cells.map((cell) => markup`<td>${cell}</td>`)}</tr>`
      )
    }
</tbody>
</table>`,
  );
}

/**
 * A table about mails or clients, whose words are long: where there is no room for columns, each row is a block with the
 * names of the columns in it. The roles are said because a block is no row to a screen reader otherwise.
 *
 * @param words how many columns, from the first, are words; the others are numbers
 */
export function wordTable({ caption, head, rows }: TableShape, words: number): Html {
  const kind = (n: number) => n < words ? "word" : "number";
  return scrolling(
    caption,
    markup`<table class="words" role="table">
<thead role="rowgroup"><tr role="row">${
      head.map((name, n) =>
        markup`<th scope="col" role="columnheader" class="${kind(n)}">${name}</th>`
      )
    }</tr></thead>
<tbody role="rowgroup">${
      rows.map((row) =>
        markup`
<tr role="row">${
          row.map((cell, n) =>
            markup`<td role="cell" class="${kind(n)}" data-name="${head[n] ?? ""}">${
              breakable(cell)
            }</td>`
          )
        }</tr>`
      )
    }
</tbody>
</table>`,
  );
}

/** A client may be broken before its address, and an address before its domain. */
function breakable(words: string): readonly Html[] {
  return words.split(/(?=[[@])/).map((part) => markup`<wbr>${part}`);
}

/** Can be scrolled sideways, with the keyboard as well. */
function scrolling(caption: string, table: Html): Html {
  return markup`<div class="scroll" role="region" aria-label="${caption}" tabindex="0">${table}</div>`;
}
