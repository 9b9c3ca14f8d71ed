import { createMask, type Mask } from '../../tools/masking.ts'

const mask = '***'
const secretWords =
  'password|passwd|passphrase|secret|token|api[-_]?key|access[-_]?key|secret[-_]?access[-_]?key|private[-_]?key|account[-_]?key|client[-_]?secret|connection[-_]?string'

/** What gives itself away as a secret by its form, whoever's it is. Too much is better than too little. */
const forms: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g, `${mask} (a private key)`],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, mask],
  [/\bya29\.[\w.-]{16,}/g, mask],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, mask],
  [/\b(?:gh[pousr]_|github_pat_|xox[a-z]-|glpat-)[\w-]{16,}/g, mask],
  [/https:\/\/hooks\.slack\.com\/services\/[\w/]+/g, mask],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@"']*:)[^\s@/"']+(?=@)/gi, `$1${mask}`],
  [/((?:authorization|x-api-key)\\*["']?\s*[:=]\s*\\*["']?(?:bearer |basic )?)[^\s"',\\]+/gi, `$1${mask}`],
  [/\b(bearer\s+)[\w.~+/-]{16,}=*/gi, `$1${mask}`],
  [/([?&](?:sig|x-amz-signature|x-amz-security-token|x-goog-signature)=)[^\s&"'\\]+/gi, `$1${mask}`],
  // A JSON string may hold escaped quotes.
  [new RegExp(`("[\\w-]*(?:${secretWords})"\\s*:\\s*)"(?:\\\\.|[^"\\\\])+"`, 'gi'), `$1"${mask}"`],
  [new RegExp(`((?:${secretWords})\\\\*["']?\\s*[:=]\\s*\\\\*["']?)[^\\s"',;&}\\\\]{4,}`, 'gi'), `$1${mask}`],
]

/** Masks the values that are known to be secret, in every form of them, and what looks like a secret. */
export function createBundleMask(known: readonly string[]): Mask {
  const maskKnown = createMask(known)
  return text => forms.reduce((masked, [form, by]) => masked.replace(form, by), maskKnown(text))
}

const secretNames = /key|secret|token|passw|passphrase|credential|connection_?string|webhook|auth/i
/** Shorter values are words like `true` that stand everywhere. */
const shortestValue = 8

/** Values of environment variables whose names say that they are secret. */
export function secretsOfEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  return Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && value.length >= shortestValue && secretNames.test(name) ? [value] : [],
  )
}

/**
 * Values of a Kubernetes Secret, decoded. Certificates are public. Of a whole file (an Alertmanager's configuration)
 * only the words that look random: its other lines stand everywhere.
 */
export function secretsOfData(data: Readonly<Record<string, string>>): readonly string[] {
  return Object.values(data)
    .map(value => Buffer.from(value, 'base64').toString('utf8').trim())
    .filter(value => value.length >= shortestValue && !value.startsWith('-----BEGIN CERTIFICATE'))
    .flatMap(value =>
      value.includes('\n') && !value.startsWith('-----BEGIN') ? randomWords(value) : [value],
    )
}

function randomWords(text: string): readonly string[] {
  const words = text.match(/[\w+/=.~-]{20,}/g) ?? []
  return words.filter(word => [/[a-z]/, /[A-Z]/, /\d/].every(part => part.test(word)))
}

/** The end of a text from a line's beginning on, without the rest of a key whose beginning was cut off. */
export function endOf(text: string, limit: number): string {
  if (text.length <= limit) return text
  const cut = text.slice(text.length - limit)
  const lines = cut.slice(cut.indexOf('\n') + 1)
  const [beforeEnd = '', ...after] = lines.split(/-----END [A-Z ]*PRIVATE KEY-----/)
  const whole = after.length === 0 || /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(beforeEnd)
  return `(only the end is here)\n${whole ? lines : lines.slice(lines.indexOf('PRIVATE KEY-----') + 16)}`
}
