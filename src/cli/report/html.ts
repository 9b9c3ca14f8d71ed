import { plainText } from '../views/text.ts'

/** Markup, as opposed to text that is still to be escaped. */
export interface Html {
  readonly markup: string
}

export type Content = Html | string | number | undefined | readonly Content[]

/** A template in which everything that is put in is escaped, unless it is markup already. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return { markup: String.raw({ raw: parts }, ...contents.map(markupOf)) }
}

function markupOf(content: Content): string {
  if (content === undefined) return ''
  if (typeof content === 'number') return String(content)
  if (typeof content === 'string') return escaped(content)
  return 'markup' in content ? content.markup : content.map(markupOf).join('')
}

/** Fit for text and for quoted attributes. A tool's escape sequences and control characters are left out. */
function escaped(text: string): string {
  return plainText(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}
