import type { ChecklistDocument } from '../contract.ts'
import { type Content, type Html, html } from './html.ts'
import { page } from './page.ts'
import { table } from './table.ts'

type Item = ChecklistDocument['items'][number]
type Evidence = Item['evidence'][number]

export interface ChecklistPageOptions {
  /** What has been true may be too long ago by the time the page is made. */
  readonly now: Date
  /** Files that a run left on this machine, to be reached from the page. */
  readonly filesOf: (runId: string) => readonly { readonly name: string; readonly href: string }[]
}

/** With the run that looked. */
type PageOptions = ChecklistPageOptions & { readonly runId: string }

/** The go-live checklist as one HTML document: what is open first, each with what was seen, when and by which run. */
export function checklistPage(document: ChecklistDocument, given: ChecklistPageOptions): string {
  const { project, environment, target, at, runId, items } = document
  const options = { ...given, runId }
  const isDone = (item: Item) => item.state === 'done' && !isOver(item.expiresAt, options.now)
  const open = items.filter(item => !isDone(item))
  const done = items.filter(isDone)
  const words = open.length === 0 ? 'all done' : `${open.length} of ${items.length} open`
  const simulated = target === 'sandbox' ? ' (simulated clouds on this machine)' : ''
  const header = html`<h1>Go-live checklist: <span class="${open.length === 0 ? 'good' : 'bad'}">${words}</span></h1>
<p>${project}, environment ${environment}, target ${target}${simulated}. Looked at on ${minute(at)} by ${runLinks(runId, options)}.</p>
<p class="quiet"><code>mlp verify --go-live</code> looks again, <code>mlp report --checklist</code> makes this page of what it saw.</p>`
  return page(`Go-live checklist of ${project}, ${environment}: ${words}`, header, [
    section('open', `Open (${open.length})`, open, options),
    section('done', `Done (${done.length})`, done, options),
  ])
}

function section(id: string, title: string, items: readonly Item[], options: PageOptions): Content {
  if (items.length === 0) return undefined
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
${items.map(item => article(item, id === 'done', options))}
</section>
`
}

function article(item: Item, isDone: boolean, options: PageOptions): Html {
  const { id, title, guides, owner, why, evidence, expiresAt, holdsDays } = item
  const over = isOver(expiresAt, options.now)
  const facts: readonly (readonly [string, Content])[] = [
    ['Owner', owner],
    ...(expiresAt === null || (item.state === 'open' && !over)
      ? []
      : [[over ? 'Held until' : 'Holds until', day(expiresAt)] as const]),
    ...(item.signedBy === null || item.signedAt === null
      ? []
      : [['Signed', signature(item, options)] as const]),
  ]
  return html`<article class="item ${isDone ? 'is-done' : 'is-open'}" id="${id}">
<h3><span class="${isDone ? 'good' : 'bad'}">${isDone ? '✔ done' : '✖ open'}</span> ${title}${guides ? html` <span class="quiet">of the guide</span>` : ''}</h3>
<p>${over && item.state === 'done' ? `what was seen is too old by now; it was: ${why}` : why}</p>
<dl>${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
${evidence.length === 0 ? '' : seen(evidence, isDone, holdsDays, options)}
</article>
`
}

function seen(evidence: readonly Evidence[], isDone: boolean, holdsDays: number, options: PageOptions): Html {
  const rows = evidence.map(
    ({ check, title, status, detail, remedy, at, runId, expiresAt }) => html`<tr>
<th scope="row">${title}<br><code class="quiet">${check}</code></th>
<td class="word"><span class="${tones[status]}">${status}</span></td>
<td>${lines(detail)}${status === 'pass' || remedy.length === 0 ? '' : html`<ul>${remedy.map(line => html`<li>${line}</li>`)}</ul>`}</td>
<td class="word">${minute(at)}</td>
<td>${runId === null ? html`<span class="quiet">not noted</span>` : runId === options.runId ? 'this one' : runLinks(runId, options)}</td>
<td class="word">${status === 'pass' || status === 'warn' ? day(expiresAt) : ''}</td>
</tr>`,
  )
  const count = evidence.length === 1 ? 'one check, it' : `${evidence.length} checks, each`
  return html`<details${isDone ? '' : html` open`}>
<summary>Evidence: ${count} holds for ${holdsDays} days</summary>
${table({
  caption: '',
  label: 'What was seen',
  columns: ['Check', 'Outcome', 'What it saw', 'When', 'Run', 'Holds until'],
  rows,
})}
</details>`
}

const tones: Readonly<Record<Evidence['status'], string>> = {
  pass: 'good',
  warn: 'warn',
  fail: 'bad',
  error: 'bad',
  blocked: 'warn',
  skipped: 'quiet',
}

const shownLines = 3

/** The first lines; of an audit that lists eighty subjects the others are there for whoever asks. */
function lines(text: string): Content {
  const all = text.split('\n')
  const join = (some: readonly string[]) =>
    some.map((line, index) => (index === 0 ? line : html`<br>${line}`))
  if (all.length <= shownLines) return join(all)
  return [
    join(all.slice(0, shownLines)),
    html`<details><summary>${all.length - shownLines} more lines</summary>${join(all.slice(shownLines))}</details>`,
  ]
}

function signature({ signedBy, signedAt, signedRunId }: Item, options: PageOptions): Content {
  const by = `${signedBy ?? ''}, ${minute(signedAt ?? '')}`
  return signedRunId === null ? by : [by, ', by ', runLinks(signedRunId, options)]
}

function runLinks(runId: string, { filesOf }: ChecklistPageOptions): Html {
  const links = filesOf(runId).map(
    ({ name, href }, index) => html`${index === 0 ? ' (' : ', '}<a href="${href}">${name}</a>`,
  )
  return html`run <code>${runId}</code>${links}${links.length === 0 ? '' : ')'}`
}

function isOver(expiresAt: string | null, now: Date): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= now.getTime()
}

function minute(instant: string): string {
  return `${instant.slice(0, 16).replace('T', ' ')} UTC`
}

function day(instant: string): string {
  return instant.slice(0, 10)
}
