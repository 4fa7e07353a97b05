/** How the page looks: light and dark, on a phone, a desktop, and paper. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #1b2430; --quiet: #55606e; --line: #dfe3e8;
  --letThrough: #7b8aa0; --accepted: #1f6feb; --deferred: #d9730d; --warn: #b42318;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f141a; --card: #182028; --text: #e6eaef; --quiet: #a2adba; --line: #2c3642;
    --letThrough: #73839a; --accepted: #6aa8ff; --deferred: #f0913a; --warn: #ff8a7a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif;
}
main { max-width: 1120px; margin: 0 auto; padding: 32px 20px 48px; }
header { margin-bottom: 24px; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 1.125rem; line-height: 1.3; margin: 0 0 4px; }
p { margin: 0; }
.quiet { color: var(--quiet); font-size: 0.9375rem; }
.cards { display: grid; grid-template-columns: repeat(4, 1fr); gap: 16px; margin: 0 0 16px; padding: 0; }
.cards > div, section {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
}
.cards > div { padding: 14px 18px; display: flex; flex-direction: column; }
.cards dt { color: var(--quiet); font-size: 0.875rem; }
.cards dd { margin: 0; }
.cards .figure { font-size: 1.75rem; line-height: 1.25; font-weight: 600; letter-spacing: -0.01em; }
section { padding: 18px 20px 20px; margin: 0 0 16px; }
figure { margin: 16px 0 0; }
svg { display: block; max-width: 100%; height: auto; }
.narrow { display: none; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; list-style: none; margin: 12px 0 0; padding: 0;
  font-size: 0.875rem; }
.legend li::before { content: ""; display: inline-block; width: 12px; height: 12px; border-radius: 3px;
  margin-right: 7px; vertical-align: -1px; background: currentColor; }
.legend .letThrough::before { background: var(--letThrough); }
.legend .accepted::before { background: var(--accepted); }
.legend .deferred::before { background: var(--deferred); }
h3 { font-size: 0.9375rem; font-weight: 500; margin: 0 0 8px; }
ul { margin: 8px 0 0; padding-left: 20px; }
details { margin-top: 12px; }
summary { cursor: pointer; color: var(--quiet); font-size: 0.9375rem; width: fit-content; }
summary:hover { color: var(--text); }
:focus-visible { outline: 3px solid var(--accepted); outline-offset: 2px; border-radius: 4px; }
.scroll { overflow-x: auto; margin-top: 12px; }
details .scroll { max-height: 420px; overflow-y: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.9375rem; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 20px 6px 0; text-align: right; border-bottom: 1px solid var(--line); font-weight: 400; }
thead th { color: var(--quiet); font-size: 0.875rem; vertical-align: bottom; }
tbody tr:last-child > * { border-bottom: 0; }
tr > :last-child { padding-right: 4px; }
.figures { max-width: 720px; }
.figures td { white-space: nowrap; }
.figures tr > :first-child, .words .word { text-align: left; }
.words .word { overflow-wrap: anywhere; min-width: 15em; }
.words .number { white-space: nowrap; }
footer { color: var(--quiet); font-size: 0.875rem; margin-top: 24px; }
@media (max-width: 760px) {
  main { padding: 20px 12px 32px; }
  h1 { font-size: 1.4rem; }
  .cards { grid-template-columns: 1fr 1fr; gap: 10px; }
  .cards > div { padding: 10px 12px; }
  .cards .figure { font-size: 1.375rem; }
  section { padding: 14px 12px 16px; margin-bottom: 10px; }
  .wide { display: none; }
  .narrow { display: block; }
  .narrow svg { margin: 0 auto; }
  table { font-size: 0.875rem; }
  th, td { padding-right: 12px; }
  .words, .words tbody, .words tr, .words td { display: block; }
  .words thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .words tr { padding: 10px 0; border-bottom: 1px solid var(--line); }
  .words tr:last-child { border-bottom: 0; }
  .words td, .words td.number { display: grid; grid-template-columns: 6.5em 1fr; padding: 1px 0; border: 0;
    text-align: left; white-space: normal; min-width: 0; }
  .words td::before { content: attr(data-name); color: var(--quiet); }
}
@media print { body { background: none; } section, .cards > div { break-inside: avoid; } }
`;
