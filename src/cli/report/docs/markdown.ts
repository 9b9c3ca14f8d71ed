import { plainText } from '../../views/text.ts'

/** A value inside a sentence or a table's cell: whatever is in it stays text. */
export function text(value: string): string {
  return plainText(value)
    .replaceAll('\n', ' ')
    .replace(/[\\`*_[\]<>|&]/g, '\\$&')
}

/** A value as code; in a table's cell as well. */
export function code(value: string): string {
  const plain = plainText(value).replaceAll('\n', ' ').trim()
  if (plain === '') return ''
  const longest = Math.max(0, ...(plain.match(/`+/g) ?? []).map(run => run.length))
  const fence = '`'.repeat(longest + 1)
  const space = longest > 0 ? ' ' : ''
  return `${fence}${space}${plain.replaceAll('|', '\\|')}${space}${fence}`
}

/** Lines as they are, in a block that nothing in them ends. */
export function block(language: string, lines: string): string {
  const plain = plainText(lines).trimEnd()
  const longest = Math.max(2, ...(plain.match(/`+/g) ?? []).map(run => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}${language}\n${plain}\n${fence}`
}

/** Cells are Markdown already: `text` and `code` make them. */
export function mdTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n')
}

/** A template with its `{{names}}` filled in. Throws where the template and the values do not fit: a bug. */
export function filled(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{\{([a-z-]+)\}\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`the template asks for {{${name}}}, which nobody gave`)
    return value
  })
}
