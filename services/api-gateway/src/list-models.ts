import { correlationHeaders } from '@mlp/service-kit/tracing'
import type { FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import type * as z from 'zod'
import type { Client } from './authentication/client.ts'
import type { GatewayMetrics } from './metrics.ts'
import { type modelList, repositoryIndex } from './open-inference.ts'
import type { RoutingTable } from './routing/routing-table.ts'
import { circuitOpenProblem, failureOf, problemOf } from './upstream/failures.ts'
import type { Upstream } from './upstream/upstream.ts'

type ListedModel = z.output<typeof modelList>['models'][number]
type IndexEntry = z.output<typeof repositoryIndex>[number]

/** Of one upstream's list. */
const largestBytes = 4 << 20

/**
 * The models that the client may see, of all upstreams: of each version where requests for it go.
 * @throws ProblemError when an upstream does not say what it has; half a list would be taken for a whole one
 */
export async function listModels(
  routes: RoutingTable,
  request: FastifyRequest,
  client: Client,
  metrics: GatewayMetrics,
): Promise<ListedModel[]> {
  const headers = { ...correlationHeaders(request), 'mlp-client': client.id }
  const models = new Map<string, ListedModel>()
  const lists = await Promise.all(
    [...routes.upstreams.values()].map(async upstream => ({
      upstream,
      entries: await fetchIndex(upstream, headers, request, metrics),
    })),
  )
  for (const { upstream, entries } of lists) {
    for (const { name, version = '', state, reason } of entries) {
      if (routes.findModel(name).upstreamOf(version) !== upstream) continue
      if (!client.grants.allows('read', name)) continue
      const model = models.get(name) ?? { name, versions: [] }
      model.versions.push({ version, state, reason })
      models.set(name, model)
    }
  }
  return [...models.values()].sort((a, b) => a.name.localeCompare(b.name))
}

async function fetchIndex(
  upstream: Upstream,
  headers: Record<string, string>,
  request: FastifyRequest,
  metrics: GatewayMetrics,
): Promise<readonly IndexEntry[]> {
  const call = upstream.circuit.enter()
  if ('waitMs' in call) throw circuitOpenProblem(upstream.name, call.waitMs)
  const startedAt = performance.now()
  let answered = false
  try {
    const { statusCode, body } = await upstream.pool.request({
      method: 'POST',
      path: '/v2/repository/index',
      headers,
      signal: AbortSignal.timeout(upstream.configuration.responseTimeoutMs),
    })
    answered = true
    call.succeeded()
    metrics.observeUpstream(upstream.name, String(statusCode), performance.now() - startedAt)
    const text = await readText(body)
    if (statusCode !== 200) throw new Error(`the list of models has status ${statusCode}`)
    return repositoryIndex.parse(JSON.parse(text))
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
