import type { Registry } from 'prom-client'
import * as z from 'zod'
import type { ServiceApp } from './app.ts'
import { ProblemError, problemResponses } from './problem.ts'

/** Something that has to be so before the service can do its work. */
export interface ReadinessCheck {
  readonly name: string
  /** What is missing, in words for an operator; undefined when nothing is. Rejecting says the same. */
  readonly check: (signal: AbortSignal) => Promise<string | undefined> | string | undefined
}

/** A kubelet waits one second by default. */
const checkTimeoutMs = 800

export interface ProbeOptions {
  readonly readiness: readonly ReadinessCheck[]
  readonly isDraining: () => boolean
  readonly registry: Registry
}

/** `/health`: the process lives. `/ready`: it should get requests. `/metrics`: for Prometheus. */
export function addProbes(app: ServiceApp, { readiness, isDraining, registry }: ProbeOptions): void {
  app.route({
    method: 'GET',
    url: '/health',
    config: { quiet: true },
    schema: {
      tags: ['operations'],
      summary: 'Whether the process lives',
      response: { 200: z.object({ status: z.literal('ok') }).describe('It lives') },
    },
    handler: async () => ({ status: 'ok' as const }),
  })
  app.route({
    method: 'GET',
    url: '/ready',
    config: { quiet: true },
    schema: {
      tags: ['operations'],
      summary: 'Whether the service should get requests',
      response: {
        200: z.object({ status: z.literal('ready') }).describe('It should'),
        ...problemResponses({ 503: 'Not now: it starts, drains, or misses something it needs' }),
      },
    },
    handler: async () => {
      const missing = isDraining() ? { drain: 'the service is stopping' } : await findMissing(readiness)
      if (Object.keys(missing).length === 0) return { status: 'ready' as const }
      throw new ProblemError({
        status: 503,
        kind: 'not-ready',
        title: 'The service is not ready',
        members: { missing },
      })
    },
  })
  app.route({
    method: 'GET',
    url: '/metrics',
    config: { quiet: true },
    schema: {
      tags: ['operations'],
      summary: 'Metrics in the Prometheus text format',
      produces: ['text/plain'],
    },
    handler: async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()),
  })
}

async function findMissing(checks: readonly ReadinessCheck[]): Promise<Record<string, string>> {
  const found = await Promise.all(
    checks.map(async ({ name, check }) => {
      const timeout = AbortSignal.timeout(checkTimeoutMs)
      const late = new Promise<string>(resolve => {
        timeout.addEventListener('abort', () => resolve(`no answer within ${checkTimeoutMs} ms`), {
          once: true,
        })
      })
      try {
        return [name, await Promise.race([check(timeout), late])] as const
      } catch (error) {
        return [name, error instanceof Error ? error.message : String(error)] as const
      }
    }),
  )
  return Object.fromEntries(
    found.filter((entry): entry is readonly [string, string] => entry[1] !== undefined),
  )
}
