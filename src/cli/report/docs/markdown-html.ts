import { type Content, type Html, html } from '../html.ts'
import { table } from '../table.ts'

/*
 * The Markdown of these pages, and no more: headings, paragraphs, lists of one level, tables, fenced blocks, and within a
 * line code, bold, links. HTML in it is text. Markup comes from here only, so that no value can bring any.
 */

export interface RenderOptions {
  /** Where a link leads; undefined: it is no link, and stays text. */
  readonly linkTo: (href: string) => string | undefined
  /** What stands in the place of an image. */
  readonly image: (src: string, words: string) => Html
}

export function renderMarkdown(markdown: string, options: RenderOptions): Html {
  const lines = markdown.split('\n')
  const ids = new Set<string>()
  const parts: Html[] = []
  let at = 0
  while (at < lines.length) {
    const [part, next] = readBlock(lines, at, options, ids)
    if (part !== undefined) parts.push(part)
    at = next
  }
  return html`${parts}`
}

type Read = readonly [part: Html | undefined, next: number]

function readBlock(lines: readonly string[], at: number, options: RenderOptions, ids: Set<string>): Read {
  const line = lines[at] ?? ''
  if (line.trim() === '') return [undefined, at + 1]
  const fence = /^(`{3,})([a-z]*)$/.exec(line)
  if (fence !== null) return readFence(lines, at, fence[1] ?? '', fence[2] ?? '')
  const heading = /^(#{1,4}) (.+)$/.exec(line)
  if (heading !== null) return [headingOf(heading[1]?.length ?? 1, heading[2] ?? '', options, ids), at + 1]
  if (line.startsWith('| ')) return readTable(lines, at, options)
  if (isItem(line)) return readList(lines, at, options)
  const end = endOf(lines, at, each => each.trim() === '' || isItem(each) || /^(#|\||`{3})/.test(each))
  return [html`<p>${inline(lines.slice(at, end).join(' '), options)}</p>\n`, end]
}

function readFence(lines: readonly string[], at: number, fence: string, language: string): Read {
  const end = endOf(lines, at + 1, line => line === fence)
  const text = lines.slice(at + 1, end).join('\n')
  const label = language === 'sh' ? 'commands' : language === '' ? 'text' : language
  return [html`<pre tabindex="0" role="region" aria-label="${label}"><code>${text}</code></pre>\n`, end + 1]
}

function headingOf(level: number, text: string, options: RenderOptions, ids: Set<string>): Html {
  const words = text
    .replace(/[^\p{Letter}\p{Number} -]/gu, '')
    .trim()
    .toLowerCase()
    .replaceAll(/ +/g, '-')
  let id = words || 'part'
  for (let count = 1; ids.has(id); count += 1) id = `${words}-${count}`
  ids.add(id)
  const content = inline(text, options)
  if (level === 1) return html`<h1 id="${id}">${content}</h1>\n`
  if (level === 2) return html`<h2 id="${id}">${content}</h2>\n`
  if (level === 3) return html`<h3 id="${id}">${content}</h3>\n`
  return html`<h4 id="${id}">${content}</h4>\n`
}

function readTable(lines: readonly string[], at: number, options: RenderOptions): Read {
  const end = endOf(lines, at, line => !line.startsWith('|'))
  const [head = [], , ...rows] = lines.slice(at, end).map(cellsOf)
  const columns = head.map(cell => cell.replaceAll(/[`*]/g, ''))
  const markup = table({
    caption: '',
    label: columns.join(', '),
    columns,
    rows: rows.map(
      ([first = '', ...others]) =>
        html`<tr><th scope="row">${inline(first, options)}</th>${others.map(cell => html`<td>${inline(cell, options)}</td>`)}</tr>\n`,
    ),
  })
  return [markup, end]
}

function cellsOf(line: string): readonly string[] {
  return line
    .replace(/^\|/, '')
    .replace(/\|\s*$/, '')
    .split(/(?<!\\)\|/)
    .map(cell => cell.trim())
}

const itemMark = /^(?:- |\d+\. )/
const isItem = (line: string) => itemMark.test(line)

function readList(lines: readonly string[], at: number, options: RenderOptions): Read {
  const ordered = /^\d/.test(lines[at] ?? '')
  const end = endOf(lines, at, line => !(isItem(line) || /^ {2,}\S/.test(line)))
  const items: string[] = []
  for (const line of lines.slice(at, end)) {
    if (isItem(line)) items.push(line.replace(itemMark, ''))
    else items.push(`${items.pop() ?? ''} ${line.trim()}`)
  }
  const markup = items.map(item => html`<li>${inline(item, options)}</li>\n`)
  return [ordered ? html`<ol>\n${markup}</ol>\n` : html`<ul>\n${markup}</ul>\n`, end]
}

function endOf(lines: readonly string[], from: number, ends: (line: string) => boolean): number {
  const found = lines.findIndex((line, index) => index >= from && ends(line))
  return found < 0 ? lines.length : Math.max(found, from)
}

const inlineParts =
  /\\([!-/:-@[-`{-~])|(`+)( ?)((?:(?!\2)[\s\S])+?)\3\2(?!`)|\*\*([^*]+)\*\*|(!?)\[([^\]]*)\]\(([^)\s]+)\)/g

function inline(text: string, options: RenderOptions): Content {
  const parts: Content[] = []
  let from = 0
  for (const match of text.matchAll(inlineParts)) {
    parts.push(text.slice(from, match.index))
    from = match.index + match[0].length
    parts.push(inlinePart(match, options))
  }
  return [...parts, text.slice(from)]
}

function inlinePart(match: RegExpExecArray, options: RenderOptions): Content {
  const [whole, escapedCharacter, ticks, , codeText, bold, bang, words = '', href = ''] = match
  if (escapedCharacter !== undefined) return escapedCharacter
  if (ticks !== undefined) return html`<code>${(codeText ?? '').replaceAll('\\|', '|')}</code>`
  if (bold !== undefined) return html`<strong>${inline(bold, options)}</strong>`
  if (bang === '!') return options.image(href, words)
  const target = options.linkTo(href)
  return target === undefined ? whole : html`<a href="${target}">${inline(words, options)}</a>`
}
