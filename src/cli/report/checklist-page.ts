import type { ChecklistDocument } from '../contract.ts'
import { html } from './html.ts'
import { page } from './page.ts'
import { table } from './table.ts'

/** The go-live checklist as one HTML document. */
export function checklistPage(document: ChecklistDocument): string {
  const { project, environment, target, at, runId, items } = document
  const open = items.filter(({ state }) => state === 'open').length
  const words = open === 0 ? 'all done' : `${open} of ${items.length} open`
  const title = `Go-live checklist of ${project}, ${environment}: ${words}`
  const rows = items.map(
    item => html`<tr>
<td><span class="${item.state === 'done' ? 'good' : 'bad'}">${item.state === 'done' ? '✔ done' : '✖ open'}</span></td>
<td>${item.title}${item.guides ? ' (of the guide)' : ''}</td>
<td>${item.why}</td>
<td>${item.owner}</td>
<td>${item.signedBy === null ? item.checks.join(', ') : `${item.signedBy}, ${item.signedAt ?? ''}`}</td>
<td>${item.expiresAt?.slice(0, 10) ?? ''}</td>
</tr>
`,
  )
  const header = html`<h1>Go-live checklist: <span class="${open === 0 ? 'good' : 'bad'}">${words}</span></h1>
<p>${project}, environment ${environment}, target ${target}. Looked at on ${at} by run ${runId}.</p>`
  return page(
    title,
    header,
    table({
      caption: 'What a platform needs before people rely on it',
      columns: ['State', 'Item', 'Why', 'Owner', 'Evidence', 'Holds until'],
      rows,
    }),
  )
}
