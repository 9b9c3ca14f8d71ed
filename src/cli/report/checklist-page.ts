import type { ChecklistDocument } from '../contract.ts'
import { html } from './html.ts'
import { style } from './style.ts'
import { table } from './table.ts'

/** The go-live checklist as one HTML document: no scripts, nothing loaded from elsewhere. */
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
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<main>
<header>
<h1>Go-live checklist: <span class="${open === 0 ? 'good' : 'bad'}">${words}</span></h1>
<p>${project}, environment ${environment}, target ${target}. Looked at on ${at} by run ${runId}.</p>
</header>
${table({
  caption: 'What a platform needs before people rely on it',
  columns: ['State', 'Item', 'Why', 'Owner', 'Evidence', 'Holds until'],
  rows,
})}
</main>
</body>
</html>
`
  return page.markup
}
