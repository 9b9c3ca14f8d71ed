import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { MlpError } from '../../engine/errors.ts'
import type { GoogleRest, Service } from './rest.ts'

const pollMs = 2_000

/** google.longrunning.Operation, which most services answer a write with. */
export const operation = z.object({
  name: z.string(),
  done: z.boolean().default(false),
  error: z.object({ code: z.number().optional(), message: z.string() }).optional(),
})

export async function waitForOperation(
  rest: GoogleRest,
  service: Service,
  started: z.output<typeof operation>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  let current = started
  while (!current.done) {
    if (Date.now() > deadline)
      throw operationError(service, `not done after ${Math.round(timeoutMs / 60_000)} minutes`)
    await delay(pollMs, undefined, { signal })
    current = await rest.call({ service, path: `/v1/${current.name}`, answer: operation }, signal)
  }
  if (current.error !== undefined) throw operationError(service, current.error.message)
}

/** Cloud SQL and Compute have operations of their own. */
export const ownOperation = z.object({
  name: z.string(),
  status: z.string(),
  error: z.object({ errors: z.array(z.object({ message: z.string().default('') })).default([]) }).optional(),
})

/** `operations` is the path below which the service has them. */
export async function waitForOwnOperation(
  rest: GoogleRest,
  service: Service,
  operations: string,
  started: z.output<typeof ownOperation>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  let current = started
  while (current.status !== 'DONE') {
    if (Date.now() > deadline)
      throw operationError(service, `not done after ${Math.round(timeoutMs / 60_000)} minutes`)
    await delay(pollMs, undefined, { signal })
    const path = `${operations}/${current.name}`
    current = await rest.call({ service, path, answer: ownOperation }, signal)
  }
  if (current.error !== undefined) {
    throw operationError(service, current.error.errors.map(({ message }) => message).join('; '))
  }
}

function operationError(service: string, detail: string): MlpError {
  return new MlpError({
    code: 'MLP3008',
    summary: `An operation of Google Cloud's ${service} API failed`,
    detail,
    remedy: ['Run the same command again; what is done already stays done.'],
  })
}
