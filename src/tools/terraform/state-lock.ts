import * as z from 'zod'

/** terraform's own record of who holds a state lock, as its error message prints it. */
export interface StateLock {
  readonly id: string
  readonly operation: string
  /** user@host */
  readonly who: string
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number
}

const field = (text: string, name: string) => new RegExp(`^\\s*${name}:\\s*(.+?)\\s*$`, 'm').exec(text)?.[1]
const lockSchema = z.object({
  id: z.string().min(1),
  operation: z.string(),
  who: z.string(),
  created: z.string(),
})

/** Finds the lock in terraform's «Error acquiring the state lock»; undefined when that is not what failed. */
export function findStateLock(text: string): StateLock | undefined {
  if (!/state lock/i.test(text)) return undefined
  const parsed = lockSchema.safeParse({
    id: field(text, 'ID'),
    operation: field(text, 'Operation'),
    who: field(text, 'Who'),
    created: field(text, 'Created'),
  })
  if (!parsed.success) return undefined
  const createdAtMs = goTimeToMs(parsed.data.created)
  return createdAtMs === undefined
    ? undefined
    : { id: parsed.data.id, operation: parsed.data.operation, who: parsed.data.who, createdAtMs }
}

/**
 * Whether the lock is held by somebody who has not said who it is: terraform's azurerm backend takes a lease first, and
 * then writes the lock's id beside it. Its own force-unlock frees nothing without that id.
 */
export function isUnnamedLock(text: string): boolean {
  return /state lock/i.test(text) && /metadata "terraformlockid" was empty/.test(text)
}

/** Go prints `2026-11-24 04:10:11.123456789 +0000 UTC`. */
function goTimeToMs(text: string): number | undefined {
  const parts = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)? \+0000 UTC$/.exec(text)
  if (parts === null) return undefined
  return Date.parse(`${parts[1]}T${parts[2]}${(parts[3] ?? '.000').slice(0, 4).padEnd(4, '0')}Z`)
}
