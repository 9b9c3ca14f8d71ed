import { duration } from '../../engine/durations.ts'
import { phases } from '../../phases/index.ts'
import { type Html, html } from './html.ts'
import type { RunRecord, StepRow } from './run-record.ts'
import { table } from './table.ts'

const tones: Readonly<Record<string, string>> = {
  done: 'good',
  removed: 'good',
  pass: 'good',
  failed: 'bad',
  fail: 'bad',
  error: 'bad',
  left: 'bad',
  running: 'bad',
  blocked: 'warn',
  interrupted: 'warn',
  warn: 'warn',
  kept: 'warn',
}
const words: Readonly<Record<string, string>> = {
  skipped: 'already there',
  running: 'cut short',
  pending: 'not begun',
}

function stateWord(state: string): Html {
  return html`<span class="${tones[state] ?? 'quiet'}">${words[state] ?? state}</span>`
}

/** What went wrong, first: what it was, what the tool said, what to do. */
export function failuresSection({ steps, toolLines, finished, started }: RunRecord): Html {
  const failures = [...steps.values()].flatMap(({ id, title, error }) =>
    error === undefined ? [] : [failure(id, title, error, toolLines.get(id) ?? [])],
  )
  if (finished?.error !== undefined) {
    failures.unshift(failure(`mlp ${started?.command ?? ''}`, 'The whole run', finished.error, []))
  }
  if (failures.length === 0) return html``
  return html`<section aria-labelledby="errors">
<h2 id="errors">${failures.length === 1 ? 'One error' : `${failures.length} errors`}</h2>
${failures}
</section>`
}

function failure(
  id: string,
  title: string,
  error: NonNullable<StepRow['error']>,
  lastLines: readonly string[],
): Html {
  const again = error.retryable === true ? 'The same command may succeed by itself.' : undefined
  return html`<article class="failure">
<h3><code>${id}</code> ${title}</h3>
<p><strong>${error.code}</strong> ${error.summary}</p>
${block('Why', error.detail)}
${block('The last lines of its tools', lastLines.join('\n'))}
${block('Command', error.command)}
<p>What to do:</p>
<ul>${error.remedy.map(line => html`<li>${line}</li>`)}</ul>
<p class="quiet">${again} <code>mlp help ${error.code}</code> says more.</p>
</article>`
}

function block(title: string, text: string | undefined): Html {
  return text === undefined || text === '' ? html`` : html`<p>${title}:</p><pre>${text}</pre>`
}

/** A table for each phase; in it, clouds side by side as they ran. */
export function stepsSection(record: RunRecord): Html {
  const steps = [...record.steps.values()]
  if (steps.length === 0) return html``
  const byPhase = Map.groupBy(steps, ({ id }) => id.split('.')[0] ?? '')
  return html`<section aria-labelledby="steps">
<h2 id="steps">Steps</h2>
${[...byPhase].map(([number, members]) =>
  table({
    caption: `Phase ${number}${titleOf(number)}`,
    columns: ['Step', 'Cloud', 'Outcome', 'Began', 'Took', 'When', 'Why'],
    rows: members.toSorted((a, b) => a.cloud.localeCompare(b.cloud)).map(step => stepRow(step, record)),
  }),
)}
</section>`
}

function titleOf(number: string): string {
  const phase = phases.find(candidate => String(candidate.number) === number)
  return phase === undefined ? '' : `: ${phase.title}`
}

function stepRow(step: StepRow, record: RunRecord): Html {
  const { title, id, cloud, state, startedAt, durationMs, why } = step
  return html`<tr>
<th scope="row">${title}<br><code class="quiet">${id}</code></th>
<td>${cloud}</td>
<td class="word">${stateWord(state)}</td>
<td class="number">${startedAt === undefined ? '' : `+${duration(Math.max(0, startedAt - record.firstAt))}`}</td>
<td class="number">${durationMs === undefined || state === 'blocked' ? '' : duration(durationMs)}</td>
<td class="track" aria-hidden="true">${bar(step, record)}</td>
<td>${why}</td>
</tr>`
}

/** Where in the run the step ran; the numbers beside it say the same. */
function bar({ startedAt, durationMs, state }: StepRow, { firstAt, lastAt }: RunRecord): Html {
  if (startedAt === undefined) return html``
  const whole = Math.max(1, lastAt - firstAt)
  const percent = (ms: number) => Math.min(100, Math.max(0, (100 * ms) / whole)).toFixed(2)
  const length = durationMs ?? lastAt - startedAt
  return html`<div><i class="${tones[state] === 'bad' ? 'bad' : ''}" style="margin-left:${percent(startedAt - firstAt)}%;width:${percent(length)}%"></i></div>`
}

/** Of a run that verified. */
export function checksSection({ checks }: RunRecord): Html {
  if (checks.length === 0) return html``
  return html`<section aria-labelledby="checks">
<h2 id="checks">Checks</h2>
${table({
  caption: `${checks.length} checks`,
  columns: ['Check', 'Cloud', 'Outcome', 'Detail'],
  rows: checks.map(
    ({ check, cloud, status, detail, remedy }) => html`<tr>
<th scope="row"><code>${check}</code></th>
<td>${cloud}</td>
<td class="word">${stateWord(status)}</td>
<td>${detail}${remedy.length === 0 ? '' : html`<ul>${remedy.map(line => html`<li>${line}</li>`)}</ul>`}</td>
</tr>`,
  ),
})}
</section>`
}
