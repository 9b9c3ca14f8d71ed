/** Members whose value is a secret, in lower case and without dashes and underscores. */
const secretNames = new Set([
  'accesstoken',
  'apikey',
  'authorization',
  'cookie',
  'password',
  'privatekey',
  'proxyauthorization',
  'secret',
  'secretaccesskey',
  'setcookie',
  'token',
  'xapikey',
])

/** Deeper than this nothing is logged. */
const deepest = 8

/**
 * What is to be logged, with secrets replaced, at any depth of plain objects and arrays. The object itself when there
 * is nothing to replace. (pino's own redaction knows only paths, and copies what it looks at.)
 */
export function redactSecrets(value: Record<string, unknown>): Record<string, unknown> {
  return redactObject(value, 0)
}

function redactObject(value: Record<string, unknown>, depth: number): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined
  for (const name in value) {
    const member = value[name]
    const kept = isSecret(name) ? '[redacted]' : redact(member, depth + 1)
    if (kept === member) continue
    copy ??= { ...value }
    copy[name] = kept
  }
  return copy ?? value
}

function redact(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > deepest) return '[too deep]'
  if (Array.isArray(value)) {
    const kept = value.map(each => redact(each, depth + 1))
    return kept.every((each, index) => each === value[index]) ? value : kept
  }
  return isPlain(value) ? redactObject(value, depth) : value
}

/** Requests, errors and the like are for serializers. */
function isPlain(value: object): value is Record<string, unknown> {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const known = new Map<string, boolean>()

function isSecret(name: string): boolean {
  let secret = known.get(name)
  if (secret === undefined) {
    secret = secretNames.has(name.toLowerCase().replaceAll(/[-_]/g, ''))
    // Names come from the program; headers, whose names do not, are not logged.
    if (known.size < 1000) known.set(name, secret)
  }
  return secret
}
