import { stripVTControlCharacters } from 'node:util'
import type { Output } from '../io.ts'

/**
 * The bottom of the terminal, drawn again and again, below lines that stay. Uses the normal screen and leaves the
 * cursor visible, so that a killed mlp leaves a usable terminal. Whoever draws keeps to `size()`: a line that wraps,
 * or a region as high as the terminal, could not be erased again.
 */
export interface LiveRegion {
  /** The room there is now: one row less than the terminal, and one column less, where some terminals wrap. */
  size(): { readonly rows: number; readonly columns: number }
  draw(lines: readonly string[]): void
  /** Writes lines above the region, where they stay. */
  print(lines: readonly string[]): void
  /** Erases the region; what was printed stays. */
  clear(): void
}

const escapeStart = '\u001b['

export function liveRegion(out: Output): LiveRegion {
  let drawn: readonly string[] = []
  let drawnColumns = 0
  const size = () => ({
    rows: Math.max(1, (out.rows ?? 24) - 1),
    columns: Math.max(10, (out.columns ?? 80) - 1),
  })
  /** To the region's first row, and nothing below it. */
  const erase = (): string => {
    if (drawn.length === 0) return ''
    // A terminal made narrower since may have wrapped our lines; count the rows that they take now.
    const columns = out.columns ?? 80
    const rows =
      columns < drawnColumns ? drawn.reduce((sum, line) => sum + rowsOf(line, columns), 0) : drawn.length
    return `\r${escapeStart}${Math.min(rows, out.rows ?? 24)}A${escapeStart}0J`
  }
  const put = (above: readonly string[], lines: readonly string[]): void => {
    const text = [...above, ...lines].map(line => `${line}\n`).join('')
    const whole = erase() + text
    drawn = lines
    drawnColumns = out.columns ?? 80
    if (whole !== '') out.write(whole)
  }
  return {
    size,
    draw: lines => put([], lines),
    print: lines => put(lines, drawn),
    clear: () => put([], []),
  }
}

function rowsOf(line: string, columns: number): number {
  return Math.max(1, Math.ceil([...stripVTControlCharacters(line)].length / columns))
}
