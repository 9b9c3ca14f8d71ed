import type { Html } from './html.ts'

/** The report's only style: the reader's fonts, light or dark as the reader has it, and fit for paper. */
export const style: Html = {
  markup: `
:root {
  color-scheme: light dark;
  --text: #1b1f24; --quiet: #57606a; --page: #fff; --raised: #f4f6f8; --line: #d0d7de;
  --good: #116329; --bad: #a40e26; --warn: #7d4e00; --bar: #8c959f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e6edf3; --quiet: #9da7b3; --page: #0d1117; --raised: #161b22; --line: #3d444d;
    --good: #56d364; --bad: #ff8e87; --warn: #e3b341; --bar: #6e7681;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 76rem; padding: 1.5rem clamp(1rem, 4vw, 3rem) 4rem;
  background: var(--page); color: var(--text); font: 1rem/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0 0 .5rem; }
p { margin: .25rem 0; }
code, pre { font: .85rem/1.45 ui-monospace, monospace; }
pre, code { white-space: pre-wrap; overflow-wrap: anywhere; }
pre { margin: .5rem 0; padding: .6rem .75rem; background: var(--raised); border-left: 3px solid var(--line); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.25rem; margin: 1rem 0; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
ul { margin: .25rem 0; padding-left: 1.25rem; }
.scroll { overflow-x: auto; }
.scroll:focus-visible { outline: 2px solid var(--bar); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.25rem; }
caption { text-align: left; font-weight: 600; padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--quiet); font-weight: 500; }
tbody th { font-weight: 400; min-width: 14rem; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.word { white-space: nowrap; }
.quiet { color: var(--quiet); }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
.warn { color: var(--warn); font-weight: 600; }
.track { min-width: 8rem; width: 18%; }
.track div { height: .55rem; margin-top: .5rem; background: var(--raised); }
.track i { display: block; height: 100%; min-width: 2px; background: var(--bar); }
.track .bad { background: var(--bad); }
.item { border-left: 4px solid var(--line); padding: .1rem 0 .1rem 1rem; margin: 1.25rem 0; }
.item.is-open { border-color: var(--bad); }
.item.is-done { border-color: var(--good); }
.item dl { margin: .35rem 0; }
.item h3 .quiet { font-weight: 400; }
a { color: inherit; }
summary { cursor: pointer; color: var(--quiet); }
.failure { border: 1px solid var(--line); border-left: 4px solid var(--bad); padding: .9rem 1rem; margin: .75rem 0; }
@media (max-width: 40rem) {
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
}
@media print {
  :root { --text: #000; --quiet: #444; --page: #fff; --raised: #f4f4f4; --line: #bbb; --good: #000; --bad: #000; --warn: #000; --bar: #777; }
  body { padding: 0; max-width: none; font-size: 10pt; }
  .failure, tr { break-inside: avoid; }
  h2, caption { break-after: avoid; }
  .track { display: none; }
}
`,
}
