import * as z from 'zod'

/** What stood in a terminal, made by scripts/terminal-picture.mjs and drawn by `terminalPicture`. */
const row = z.array(z.object({ text: z.string(), style: z.string() }))
export const recordingSchema = z.object({
  recordedOn: z.string(),
  mlp: z.string(),
  columns: z.int(),
  rows: z.int(),
  /** Ids of the steps of its bootstrap: a test asks whether the program still has them. */
  steps: z.array(z.string()),
  commands: z.array(
    z.object({
      /** As somebody types it. */
      typed: z.string(),
      exitCode: z.int(),
      seconds: z.number(),
      /** Screens while it ran, and how long each is shown; the last is how it ended. */
      screens: z.array(z.object({ showMs: z.number(), rows: z.array(row) })),
      /** The last lines that it said, with what scrolled away. */
      ending: z.array(row),
    }),
  ),
})
type Recording = z.infer<typeof recordingSchema>
type Row = z.infer<typeof row>

const cell = { width: 8.4, height: 18, font: 14 } as const
const margin = { side: 14, top: 40, bottom: 12 } as const
/** How many of each command's last lines stand in the still picture. */
const stillLines = 9
/** What is not much longer stands there whole. */
const wholeLines = 14

/**
 * One SVG for a code host's page: no script, nothing loaded, fonts of the reader, light or dark as the reader has it. It
 * plays once; before, after, and where nothing moves (or is not to move), the still picture is there: each command with
 * its last lines.
 */
export function terminalPicture(recording: Recording): string {
  const still = stillRows(recording)
  const screens = recording.commands.flatMap(({ screens }) => screens)
  const frames = [{ showMs: 2_500, rows: still }, ...screens]
  const rows = Math.max(still.length, recording.rows)
  const width = Math.ceil(recording.columns * cell.width + 2 * margin.side)
  const height = rows * cell.height + margin.top + margin.bottom
  const known = new Map<string, string>()
  const strips = frames.map(
    (frame, index) =>
      `<g transform="translate(${index * width} 0)">${frame.rows.map((line, at) => use(line, at, known)).join('')}</g>`,
  )
  const total = frames.reduce((sum, { showMs }) => sum + showMs, 0)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title told">
<title id="title">mlp in a terminal, from nothing to a platform and back</title>
<desc id="told">${escaped(toldOf(still))}</desc>
<style>
${palette}
text { font: ${cell.font}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: var(--text); white-space: pre; }
${colours}
.strip { animation: play ${(total / 1000).toFixed(1)}s step-end 1; }
@media (prefers-reduced-motion: reduce) { .strip { animation: none; } }
@keyframes play {
${keyframes(frames, width, total)}
}
</style>
<rect width="${width}" height="${height}" rx="8" fill="var(--page)" stroke="var(--line)"/>
<g fill="var(--line)"><circle cx="20" cy="18" r="6"/><circle cx="40" cy="18" r="6"/><circle cx="60" cy="18" r="6"/></g>
<clipPath id="window"><rect x="${margin.side}" y="${margin.top - cell.height}" width="${width - 2 * margin.side}" height="${(rows + 1) * cell.height + 4}"/></clipPath>
<defs>
${[...known].map(([markup, id]) => `<g id="${id}">${markup}</g>`).join('\n')}
</defs>
<g clip-path="url(#window)"><g transform="translate(${margin.side} ${margin.top - cell.height})"><g class="strip">
${strips.join('\n')}
</g></g></g>
</svg>
`
}

/** Each command with the end of what it said. */
export function stillRows({ commands }: Recording): readonly Row[] {
  return commands.flatMap(({ typed, ending }, index) => {
    const shown = ending.length <= wholeLines ? ending : ending.slice(-stillLines)
    const cut = ending.length - shown.length
    const more = cut > 0 ? [[{ text: `  ⋮ ${cut} lines more`, style: 'd' }]] : []
    const space = index === 0 ? [] : [[]]
    return [
      ...space,
      [
        { text: '$ ', style: 'd' },
        { text: typed, style: 'b' },
      ],
      ...more,
      ...shown,
    ]
  })
}

function toldOf(rows: readonly Row[]): string {
  return rows.map(line => line.map(({ text }) => text).join('')).join('\n')
}

/** The same row stands in many screens: it is drawn once. */
function use(line: Row, at: number, known: Map<string, string>): string {
  const markup = drawn(line)
  if (markup === '') return ''
  const id = known.get(markup) ?? `r${known.size}`
  known.set(markup, id)
  return `<use href="#${id}" y="${(at + 1) * cell.height}"/>`
}

function drawn(line: Row): string {
  let column = 0
  const spans = line.map(({ text, style }) => {
    const start = column
    column += [...text].length
    if (text.trim() === '') return ''
    const classes = style === '' ? '' : ` class="${style}"`
    const length = ([...text].length * cell.width).toFixed(1)
    // Whichever font there is, a column stays a column.
    return `<text x="${(start * cell.width).toFixed(1)}" textLength="${length}"${classes}>${escaped(text)}</text>`
  })
  return spans.join('')
}

function keyframes(frames: readonly { readonly showMs: number }[], width: number, total: number): string {
  let at = 0
  const lines = frames.map(({ showMs }, index) => {
    const line = `${((100 * at) / total).toFixed(3)}% { transform: translateX(${-index * width}px); }`
    at += showMs
    return line
  })
  return [...lines, '100% { transform: translateX(0); }'].join('\n')
}

const palette = `svg { --text: #1f2328; --page: #ffffff; --line: #d0d7de; --dim: #59636e; --red: #a40e26; --green: #116329; --yellow: #7d4e00; --blue: #0550ae; --magenta: #8250df; --cyan: #1b6c77; }
@media (prefers-color-scheme: dark) { svg { --text: #e6edf3; --page: #0d1117; --line: #3d444d; --dim: #9da7b3; --red: #ff8e87; --green: #56d364; --yellow: #e3b341; --blue: #79c0ff; --magenta: #d2a8ff; --cyan: #76e3ea; } }`
const names = ['dim', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'text'] as const
const colours = [
  ...names.flatMap((name, index) => [
    `.c${index} { fill: var(--${name}); }`,
    `.c${index + 8} { fill: var(--${name}); }`,
  ]),
  '.d { fill: var(--dim); }',
  '.b { font-weight: 600; }',
].join('\n')

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
