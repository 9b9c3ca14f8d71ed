import { correlationHeaders } from '@mlp/service-kit/tracing'
import type { FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import type { z } from 'zod'
import type { Client } from './authentication/client.ts'
import type { GatewayMetrics } from './metrics.ts'
import { modelList } from './open-inference.ts'
import { circuitOpenProblem, failureOf, problemOf } from './upstream/failures.ts'
import type { Upstream } from './upstream/upstream.ts'

const largestBytes = 4 << 20

/**
 * The models of an upstream; read as a whole, because not every client may see all of them.
 * @throws ProblemError when the upstream does not list them
 */
export async function listModels(
  upstream: Upstream,
  request: FastifyRequest,
  client: Client,
  metrics: GatewayMetrics,
): Promise<z.output<typeof modelList>> {
  const call = upstream.circuit.enter()
  if ('waitMs' in call) throw circuitOpenProblem(upstream.name, call.waitMs)
  const startedAt = performance.now()
  let answered = false
  try {
    const { statusCode, body } = await upstream.pool.request({
      method: 'GET',
      path: '/v1/models',
      headers: { ...correlationHeaders(request), 'mlp-client': client.id, accept: 'application/json' },
      signal: AbortSignal.timeout(upstream.configuration.responseTimeoutMs),
    })
    answered = true
    call.succeeded()
    metrics.observeUpstream(upstream.name, String(statusCode), performance.now() - startedAt)
    const text = await readText(body)
    if (statusCode !== 200) throw new Error(`the list of models has status ${statusCode}`)
    return modelList.parse(JSON.parse(text))
  } catch (error) {
    request.log.warn({ err: error, upstream: upstream.name }, 'upstream failed')
    if (!answered) {
      call.failed()
      metrics.observeUpstream(upstream.name, failureOf(error), performance.now() - startedAt)
    }
    throw problemOf(error, upstream.name)
  }
}

async function readText(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > largestBytes) throw new Error(`the list of models is larger than ${largestBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
