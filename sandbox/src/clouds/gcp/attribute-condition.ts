/** `assertion`, `attribute` and `google`, with their fields. */
export type Known = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** A mapping's value: a field (`assertion.sub`), or a text in quotes. */
export function claimOf(expression: string, known: Known): string | undefined {
  const value = parse(tokens(expression), known)
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined
}

/**
 * Whether a provider's condition lets a token in: as much of CEL as conditions about GitHub's claims are made of, which is
 * comparisons, lists, `in`, `startsWith`, `endsWith`, `contains`, and, or, not. What is not understood lets nobody in.
 */
export function conditionHolds(condition: string, known: Known): boolean {
  try {
    return parse(tokens(condition), known) === true
  } catch {
    return false
  }
}

function tokens(text: string): string[] {
  return text.match(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|&&|\|\||==|!=|[()[\],.!]|[\w-]+/g) ?? []
}

function parse(rest: string[], known: Known): unknown {
  const value = either()
  if (rest.length > 0) throw new Error(`unexpected ${rest[0]}`)
  return value

  function take(token: string): boolean {
    if (rest[0] !== token) return false
    rest.shift()
    return true
  }
  function expect(token: string): void {
    if (!take(token)) throw new Error(`expected ${token}, not ${rest[0]}`)
  }
  function either(): unknown {
    let left = both()
    while (take('||')) {
      const right = both()
      left = left === true || right === true
    }
    return left
  }
  function both(): unknown {
    let left = compared()
    while (take('&&')) {
      const right = compared()
      left = left === true && right === true
    }
    return left
  }
  function compared(): unknown {
    const left = single()
    if (take('==')) return left === single()
    if (take('!=')) return left !== single()
    if (!take('in')) return left
    const list = single()
    return Array.isArray(list) && list.includes(left)
  }
  function single(): unknown {
    if (take('!')) return single() !== true
    if (take('(')) {
      const inner = either()
      expect(')')
      return called(inner)
    }
    if (take('[')) {
      const list: unknown[] = []
      while (!take(']')) {
        list.push(either())
        if (rest[0] !== ']') expect(',')
      }
      return list
    }
    const token = rest.shift() ?? ''
    if (/^['"]/.test(token)) return called(token.slice(1, -1).replace(/\\(.)/g, '$1'))
    if (token === 'true' || token === 'false') return token === 'true'
    const fields = known[token]
    if (fields === undefined) throw new Error(`${token} is not known`)
    expect('.')
    return called(fields[rest.shift() ?? ''])
  }
  function called(of: unknown): unknown {
    if (!take('.')) return of
    const name = rest.shift()
    expect('(')
    const argument = String(either())
    expect(')')
    const text = String(of)
    if (name === 'startsWith') return text.startsWith(argument)
    if (name === 'endsWith') return text.endsWith(argument)
    if (name === 'contains') return text.includes(argument)
    throw new Error(`${name} is not known`)
  }
}
