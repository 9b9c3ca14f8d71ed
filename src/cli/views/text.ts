import { stripVTControlCharacters } from 'node:util'

/** A tool's text with nothing in it that a terminal would act on: no escape sequences, no bell, no carriage return. */
export function plainText(text: string): string {
  return [...stripVTControlCharacters(text).replaceAll('\t', '  ')].filter(isPrintable).join('')
}

function isPrintable(character: string): boolean {
  const code = character.codePointAt(0) ?? 0
  return character === '\n' || (code >= 0x20 && (code < 0x7f || code > 0x9f))
}

/** One line of at most `columns` characters; what does not fit is cut, and shown to be. */
export function cut(text: string, columns: number): string {
  const line = plainText(text.replaceAll('\n', ' '))
  const characters = [...line]
  return characters.length <= columns ? line : `${characters.slice(0, Math.max(0, columns - 1)).join('')}…`
}

/** Breaks at spaces so that no line is longer than `columns`; words that are longer (paths, commands) stay whole. */
export function wrap(text: string, columns: number, indent = ''): readonly string[] {
  return plainText(text)
    .split('\n')
    .flatMap(paragraph => {
      const lines: string[] = []
      let line = ''
      for (const word of paragraph.split(/ +/)) {
        const longer = line === '' ? word : `${line} ${word}`
        if (line !== '' && indent.length + longer.length > columns) {
          lines.push(indent + line)
          line = word
        } else {
          line = longer
        }
      }
      return [...lines, indent + line]
    })
}

/** `aws/apply-cluster`, from the id `1.aws.apply-cluster`. */
export function shortName(step: string, cloud: string): string {
  return `${cloud}/${step.split('.').slice(2).join('.') || step}`
}

/** `gcp/quota`; what is no cloud's has no prefix. */
export function gateName(gate: string, cloud: string): string {
  return cloud === 'all' ? gate : `${cloud}/${gate}`
}
