import type { Document, Node } from 'yaml'
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'

export type Path = readonly (string | number)[]

export interface Position {
  readonly line: number
  readonly column: number
}

/** A YAML text that was read without a mistake, and where each of its values stands. */
export interface Source {
  /** As written: nothing checked but the YAML itself. */
  readonly data: unknown
  /** Where the value stands; for what is missing, the nearest thing around it. Counts from 1. */
  locate(path: Path): Position
  /** Where the key stands, for a mistake in the key itself. */
  locateKey(path: Path): Position
  has(path: Path): boolean
  /** Every value that is a text, with its path. */
  texts(): readonly { readonly path: Path; readonly text: string }[]
}

export interface SyntaxMistake {
  readonly position: Position
  readonly message: string
}

/** Reads YAML 1.2; all its mistakes (duplicate keys among them) at once, or the source. */
export function readYaml(text: string): Source | { readonly mistakes: readonly SyntaxMistake[] } {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const found = [...document.errors, ...document.warnings]
  if (found.length > 0) {
    return { mistakes: found.map(error => ({ position: position(error.pos[0]), message: error.message })) }
  }
  let data: unknown
  try {
    data = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    // Aliases to nothing, and aliases that multiply into an enormous document, show only here.
    return {
      mistakes: [{ position: position(0), message: error instanceof Error ? error.message : String(error) }],
    }
  }
  return {
    data,
    locate: path => position(walk(document, path).value),
    locateKey: path => position(walk(document, path).key),
    has: path => walk(document, path).complete,
    texts: () => collectTexts(document, document.contents, []),
  }
}

/** Offsets of the deepest part of the path that is there. */
function walk(document: Document, path: Path): { key: number; value: number; complete: boolean } {
  let node: unknown = document.contents
  let key = startOf(node, 0)
  let value = key
  for (const part of path) {
    const child = childOf(resolved(document, node), part)
    if (child === undefined) return { key, value, complete: false }
    key = startOf(child.key, value)
    // `aws:` with nothing behind it has no place of its own.
    value = startOf(child.value, key)
    node = child.value
  }
  return { key, value, complete: true }
}

function childOf(node: unknown, part: string | number): { key: unknown; value: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(item => isScalar(item.key) && String(item.key.value) === String(part))
    return pair === undefined ? undefined : { key: pair.key, value: pair.value }
  }
  if (isSeq(node) && typeof part === 'number' && part < node.items.length) {
    return { key: node.items[part], value: node.items[part] }
  }
  return undefined
}

function resolved(document: Document, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node
}

function startOf(node: unknown, otherwise: number): number {
  const range = isNode(node) ? node.range : undefined
  return range == null || (isScalar(node) && node.value === null && range[0] === range[1])
    ? otherwise
    : range[0]
}

function isNode(node: unknown): node is Node {
  return isMap(node) || isSeq(node) || isScalar(node) || isAlias(node)
}

function collectTexts(document: Document, node: unknown, path: Path): { path: Path; text: string }[] {
  if (isMap(node)) {
    return node.items.flatMap(({ key, value }) =>
      isScalar(key) ? collectTexts(document, value, [...path, String(key.value)]) : [],
    )
  }
  if (isSeq(node)) return node.items.flatMap((item, index) => collectTexts(document, item, [...path, index]))
  return isScalar(node) && typeof node.value === 'string' ? [{ path, text: node.value }] : []
}
