import { existsSync, readFileSync } from 'node:fs'

/** A workflow command on a line of output. https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands */
export interface Command {
  readonly name: string
  readonly properties: Readonly<Record<string, string>>
  readonly value: string
}

export function parseCommand(line: string): Command | undefined {
  const text = line.trimStart()
  const end = text.indexOf('::', 2)
  if (!text.startsWith('::') || end < 0) return undefined
  const head = text.slice(2, end)
  const space = head.indexOf(' ')
  const name = space < 0 ? head : head.slice(0, space)
  if (!/^[a-z-]+$/i.test(name)) return undefined
  const properties = (space < 0 ? '' : head.slice(space + 1)).split(',').flatMap(pair => {
    const at = pair.indexOf('=')
    return at < 0 ? [] : [[pair.slice(0, at).trim(), decoded(pair.slice(at + 1), true)] as const]
  })
  return {
    name: name.toLowerCase(),
    properties: Object.fromEntries(properties),
    value: decoded(text.slice(end + 2), false),
  }
}

function decoded(text: string, isProperty: boolean): string {
  const whole = text.replaceAll('%0D', '\r').replaceAll('%0A', '\n')
  return (isProperty ? whole.replaceAll('%3A', ':').replaceAll('%2C', ',') : whole).replaceAll('%25', '%')
}

/** What a step wrote into GITHUB_OUTPUT or GITHUB_ENV: `name=value`, or `name<<END` with lines up to END. */
export function readAssignments(file: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split(/\r?\n/) : []
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? ''
    if (line === '') continue
    const [equals, heredoc] = [line.indexOf('='), line.indexOf('<<')]
    if (heredoc >= 0 && (equals < 0 || heredoc < equals)) {
      const [name, end] = [line.slice(0, heredoc), line.slice(heredoc + 2)]
      const from = index + 1
      while (index + 1 < lines.length && lines[index + 1] !== end) index++
      if (index + 1 >= lines.length) throw new Error(`Invalid value. Matching delimiter not found '${end}'`)
      found[name] = lines.slice(from, index + 1).join('\n')
      index++
    } else if (equals > 0) found[line.slice(0, equals)] = line.slice(equals + 1)
    else throw new Error(`Invalid format '${line}'`)
  }
  return found
}

export function readLines(file: string): readonly string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split(/\r?\n/).filter(Boolean) : []
}
