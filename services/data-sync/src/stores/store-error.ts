/**
 * - `changed`: the source is another version by now
 * - `corrupt`: a checksum differs; nothing was made visible, or it was taken back
 * - `upload-gone`: the store knows no such upload
 * - `throttled`, `unavailable`: worth another attempt
 * - `refused`: it would be refused again
 */
export type StoreErrorKind =
  | 'not-found'
  | 'changed'
  | 'denied'
  | 'throttled'
  | 'unavailable'
  | 'corrupt'
  | 'upload-gone'
  | 'refused'

export class StoreError extends Error {
  readonly kind: StoreErrorKind
  /** What the store asked for, if it did. */
  readonly retryAfterMs: number | undefined

  constructor(kind: StoreErrorKind, message: string, options: ErrorOptions & { retryAfterMs?: number } = {}) {
    super(message, options)
    this.name = 'StoreError'
    this.kind = kind
    this.retryAfterMs = options.retryAfterMs
  }
}

export function kindOfStatus(status: number | undefined): StoreErrorKind {
  if (status === undefined || status === 408 || status >= 500)
    return status === 503 ? 'throttled' : 'unavailable'
  if (status === 404 || status === 410) return 'not-found'
  if (status === 401 || status === 403) return 'denied'
  if (status === 412 || status === 304) return 'changed'
  if (status === 429) return 'throttled'
  return 'refused'
}

/** `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), as milliseconds from now. */
export function retryAfterMs(header: string | undefined, nowMs = Date.now()): number | undefined {
  if (header === undefined || header === '') return undefined
  const seconds = Number(header)
  const wait = Number.isNaN(seconds) ? Date.parse(header) - nowMs : seconds * 1_000
  return Number.isNaN(wait) ? undefined : Math.max(0, wait)
}

/** For `catch`: what is not there is undefined, not an error. */
export function undefinedWhen(...kinds: readonly StoreErrorKind[]): (error: unknown) => undefined {
  return error => {
    if (error instanceof StoreError && kinds.includes(error.kind)) return undefined
    throw error
  }
}

/**
 * What the store says it wrote against what was read from the source. A store that says nothing has verified the
 * checksum that came with the request, or it broke its protocol.
 */
export function mustHold<T extends string | number>(what: string, sent: T, told: T | undefined): void {
  if (told === undefined || told === sent) return
  throw new StoreError('corrupt', `${what}: sent checksum ${sent}, the store holds ${told}`)
}
