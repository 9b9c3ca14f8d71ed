import type { Point } from '../../../tools/k6.ts'

export interface LoadReport {
  readonly title: string
  readonly rows: readonly (readonly [string, string])[]
  readonly points: readonly Point[]
  readonly p95Ms: number
}

const width = 720
const height = 180
const margin = 44

/** One page with its charts in it: nothing is fetched when it is opened. */
export function loadPage({ title, rows, points, p95Ms }: LoadReport): string {
  const seconds = perSecond(points)
  const latest = seconds.at(-1)?.second ?? 0
  const line = (pick: (each: Second) => number) => seconds.map(each => [each.second, pick(each)] as const)
  const charts = [
    chart('Requests a second', latest, [
      { name: 'answered', colour: '#2b6cb0', values: line(each => each.requests) },
      { name: 'failed', colour: '#c53030', values: line(each => each.failed) },
    ]),
    chart(
      'Milliseconds to the answer',
      latest,
      [
        { name: 'median', colour: '#2b6cb0', values: line(each => each.median) },
        { name: '95th percentile', colour: '#b7791f', values: line(each => each.p95) },
      ],
      p95Ms,
    ),
  ]
  const table = rows.map(([name, value]) => `<tr><th>${escaped(name)}</th><td>${escaped(value)}</td></tr>`)
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1a202c;background:#fff}
th{text-align:left;font-weight:600;padding-right:1.5rem;vertical-align:top}svg{width:100%;height:auto}text{font-size:11px;fill:#4a5568}
@media (prefers-color-scheme:dark){body{color:#e2e8f0;background:#1a202c}text{fill:#a0aec0}}
</style></head><body>
<h1>${escaped(title)}</h1>
<table>${table.join('\n')}</table>
${charts.join('\n')}
</body></html>
`
}

interface Second {
  readonly second: number
  readonly requests: number
  readonly failed: number
  readonly median: number
  readonly p95: number
}

function perSecond(points: readonly Point[]): readonly Second[] {
  const groups = Map.groupBy(points, ({ atMs }) => Math.floor(atMs / 1000))
  return [...groups].map(([second, members]) => {
    const sorted = members.map(({ durationMs }) => durationMs).sort((one, other) => one - other)
    return {
      second,
      requests: members.length,
      failed: members.filter(({ ok }) => !ok).length,
      median: quantile(sorted, 0.5),
      p95: quantile(sorted, 0.95),
    }
  })
}

/** Of sorted values. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? 0
}

interface Line {
  readonly name: string
  readonly colour: string
  readonly values: readonly (readonly [number, number])[]
}

function chart(title: string, latest: number, lines: readonly Line[], limit?: number): string {
  const highest = Math.max(1, ...lines.flatMap(({ values }) => values.map(([, value]) => value))) * 1.1
  const x = (second: number) => margin + (second / Math.max(1, latest)) * (width - margin - 8)
  const y = (value: number) => height - 24 - (Math.min(value, highest) / highest) * (height - 40)
  const paths = lines.map(({ colour, values }) => {
    const points = values.map(([second, value]) => `${x(second).toFixed(1)},${y(value).toFixed(1)}`).join(' ')
    return `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${points}"/>`
  })
  const shown = limit !== undefined && limit < highest
  const objective = shown
    ? `<line x1="${margin}" x2="${width - 8}" y1="${y(limit)}" y2="${y(limit)}" stroke="#c53030" stroke-dasharray="4"/>`
    : ''
  const key = lines
    .map(
      ({ name, colour }, index) => `<tspan x="${margin + 10 + index * 130}" fill="${colour}">${name}</tspan>`,
    )
    .join('')
  return `<figure><figcaption>${title}</figcaption><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">
<line x1="${margin}" x2="${margin}" y1="12" y2="${height - 24}" stroke="#a0aec0"/>
<line x1="${margin}" x2="${width - 8}" y1="${height - 24}" y2="${height - 24}" stroke="#a0aec0"/>
<text x="4" y="20">${Math.round(highest)}</text><text x="4" y="${height - 24}">0</text>
<text x="${width - 40}" y="${height - 8}">${latest} s</text><text y="12">${key}</text>
${objective}${paths.join('')}</svg></figure>`
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
