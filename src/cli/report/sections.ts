import { duration } from '../../engine/durations.ts'
import { type Html, html } from './html.ts'
import type { RunRecord } from './run-record.ts'
import { table } from './table.ts'

/** What teardown kept on purpose, what is still there, and what it removed. */
export function leftoversSection({ finished }: RunRecord): Html {
  const lists = [
    ['Left behind: still there, and perhaps still billed', finished?.left],
    ['Kept on purpose', finished?.kept],
    ['Removed', finished?.removed],
  ] as const
  const tables = lists.flatMap(([caption, list]) =>
    list === undefined || list.length === 0
      ? []
      : [
          table({
            caption: `${caption} (${list.length})`,
            columns: ['Name', 'Cloud', 'Type', 'Why', 'Id'],
            rows: list.map(
              ({ name, cloud, type, reason, id }) => html`<tr>
<th scope="row">${name}</th><td>${cloud}</td><td>${type}</td><td>${reason}</td><td><code>${id}</code></td>
</tr>`,
            ),
          }),
        ],
  )
  if (tables.length === 0) return html``
  return html`<section aria-labelledby="leftovers">
<h2 id="leftovers">What was kept and left</h2>
${tables}
</section>`
}

/** Gates, notices and interrupts. */
export function remarksSection({ gates, remarks, firstAt }: RunRecord): Html {
  if (gates.length + remarks.length === 0) return html``
  return html`<section aria-labelledby="remarks">
<h2 id="remarks">Gates and notices</h2>
<ul>
${gates.map(({ gate, outcome, detail }) => html`<li>gate ${gate} ${outcome}: ${detail}</li>`)}
${remarks.map(({ at, level, message }) => html`<li>${level}, after ${duration(at - firstAt)}: ${message}</li>`)}
</ul>
</section>`
}

/** Every external command, in the order in which they began. */
export function commandsSection({ commands, firstAt }: RunRecord): Html {
  if (commands.size === 0) return html``
  return html`<section aria-labelledby="commands">
<h2 id="commands">External commands</h2>
${table({
  caption: `${commands.size} commands, in the order in which they began; log.txt beside this file has what they said`,
  columns: ['Command', 'Step', 'Began', 'Took', 'Ended'],
  rows: [...commands.values()].map(
    ({ command, step, startedAt, ended }) => html`<tr>
<th scope="row"><code>${command}</code></th>
<td><code>${step ?? ''}</code></td>
<td class="number">+${duration(startedAt - firstAt)}</td>
<td class="number">${ended === undefined ? '' : duration(ended.durationMs)}</td>
<td class="word">${endOf(ended)}</td>
</tr>`,
  ),
})}
</section>`
}

function endOf(ended: { exitCode: number | null; signal?: string | undefined } | undefined): string {
  if (ended === undefined) return 'cut short'
  return ended.signal ?? `exit ${ended.exitCode}`
}
