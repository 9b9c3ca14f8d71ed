/** Shorter values would blank out ordinary words; nothing that short is a secret worth the name. */
const shortestSecret = 4
/** From this length on, a fragment of a secret is telling enough to be masked on its own. */
const shortestFragment = 8
const mask = '***'

export type Mask = (text: string) => string

/**
 * Replaces secrets by `***`: as they are, one line at a time (output is masked line by line), JSON-escaped,
 * URL-encoded, in hexadecimal, and in base64 of either alphabet, also where base64 encodes the secret as a part of something
 * longer (`user:password`). Values of fewer than four characters are left alone.
 */
export function createMask(secrets: readonly string[]): Mask {
  const forms = new Set(secrets.filter(secret => secret.length >= shortestSecret).flatMap(formsOf))
  // The longest first, so that a secret which holds another one goes as a whole.
  const ordered = [...forms].toSorted((left, right) => right.length - left.length)
  return text => ordered.reduce((masked, form) => masked.replaceAll(form, mask), text)
}

function formsOf(secret: string): readonly string[] {
  const lines = secret.split(/\r?\n/).filter(line => line.length >= shortestFragment)
  const form = encodeURIComponent(secret)
  return [
    secret,
    ...lines,
    JSON.stringify(secret).slice(1, -1),
    form,
    form.replaceAll('%20', '+'),
    form.toLowerCase(),
    ...(secret.length < shortestFragment
      ? []
      : [...base64Forms(secret), Buffer.from(secret).toString('hex')]),
  ]
}

/**
 * Base64 writes three bytes as four characters, so a secret inside a longer text looks one of three ways, depending
 * on how many bytes precede it; the characters it shares with its neighbours are cut off.
 */
function base64Forms(secret: string): readonly string[] {
  const bytes = Buffer.from(secret)
  const whole = bytes.toString('base64')
  const shifted = [0, 1, 2].map(shift => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    const first = shift === 0 ? 0 : shift + 1
    const shared = (shift + bytes.length) % 3 === 0 ? 0 : 1
    return encoded.slice(first, encoded.length - shared)
  })
  const standard = [whole, ...shifted]
  return [...standard, ...standard.map(text => text.replaceAll('+', '-').replaceAll('/', '_'))]
}
