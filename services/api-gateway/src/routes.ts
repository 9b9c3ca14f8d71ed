import type { IncomingMessage } from 'node:http'
import type { ServiceApp } from '@mlp/service-kit/app'
import { ProblemError } from '@mlp/service-kit/problem'
import { correlationHeaders } from '@mlp/service-kit/tracing'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Authentication } from './authentication/authenticate.ts'
import type { Client } from './authentication/client.ts'
import type { Action } from './authentication/scopes.ts'
import { listModels } from './list-models.ts'
import type { GatewayMetrics } from './metrics.ts'
import {
  health,
  healthProblems,
  inferenceBody,
  inferenceProblems,
  inferenceResponse,
  listProblems,
  modelList,
  modelMetadata,
  modelParameters,
  modelProblems,
  serverMetadata,
  versionParameters,
} from './open-inference.ts'
import type { ClientLimits } from './rate-limit/client-limits.ts'
import { readBody } from './read-body.ts'
import type { RoutingTable, Target } from './routing/routing-table.ts'
import { forward } from './upstream/forward.ts'
import { upstreamRequestHeaders } from './upstream/headers.ts'

export interface Gateway {
  /** As it is now; asked once for each request. */
  readonly routes: () => RoutingTable
  readonly authenticate: Authentication
  readonly limits: ClientLimits
  readonly metrics: GatewayMetrics
  readonly bodyLimitBytes: number
}

/**
 * Bodies up to this size are read before they are sent on: a slow client then holds no connection to the model
 * server. Larger ones, and those whose size is not known, are streamed.
 */
const smallBodyBytes = 16 << 10
/** With a second attempt in mind a body is kept up to this size; larger ones are sent once. */
const repeatableBodyBytes = 256 << 10

const security = [{ apiKey: [] }, { token: [] }]

export function addRoutes(app: ServiceApp, gateway: Gateway): void {
  // Bodies are passed on, not read.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))

  for (const path of ['/v2/health/live', '/v2/health/ready'] as const) {
    app.route({
      method: 'GET',
      url: path,
      schema: {
        tags: ['health'],
        summary: path.endsWith('live')
          ? 'Whether the model server lives'
          : 'Whether the model server is ready',
        response: { 200: health, ...healthProblems },
      },
      handler: async (request, reply) => {
        gateway.limits.takeForAddress(request)
        await forwardTo(gateway, request, reply, { path, client: undefined })
      },
    })
  }
  app.route({
    method: 'GET',
    url: '/v2',
    schema: {
      tags: ['health'],
      summary: 'What the model server is',
      security,
      response: { 200: serverMetadata, ...listProblems },
    },
    handler: async (request, reply) => {
      const client = await admit(gateway, request, reply)
      await forwardTo(gateway, request, reply, { path: '/v2', client })
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/models',
    schema: {
      tags: ['models'],
      summary: 'The models that the client may ask',
      security,
      response: { 200: modelList, ...listProblems },
    },
    handler: async (request, reply) => {
      const client = await admit(gateway, request, reply)
      return { models: await listModels(gateway.routes(), request, client, gateway.metrics) }
    },
  })
  addModelRoutes(app, gateway, '/v2/models/:model', modelParameters)
  addModelRoutes(app, gateway, '/v2/models/:model/versions/:version', versionParameters)
}

function addModelRoutes(
  app: ServiceApp,
  gateway: Gateway,
  prefix: string,
  params: typeof modelParameters | typeof versionParameters,
): void {
  app.route({
    method: 'GET',
    url: prefix,
    schema: {
      tags: ['models'],
      summary: 'What a model takes and gives',
      security,
      params,
      response: { 200: modelMetadata, ...modelProblems },
    },
    handler: (request, reply) => handleModel(gateway, request, reply, request.params, 'read', ''),
  })
  app.route({
    method: 'GET',
    url: `${prefix}/ready`,
    schema: {
      tags: ['models'],
      summary: 'Whether a model can be asked',
      security,
      params,
      response: { 200: health, ...modelProblems },
    },
    handler: (request, reply) => handleModel(gateway, request, reply, request.params, 'read', '/ready'),
  })
  app.route({
    method: 'POST',
    url: `${prefix}/infer`,
    config: { documentedBody: inferenceBody },
    schema: {
      tags: ['inference'],
      summary: 'Ask a model',
      security,
      params,
      response: { 200: inferenceResponse, ...inferenceProblems },
    },
    handler: (request, reply) => handleModel(gateway, request, reply, request.params, 'infer', '/infer'),
  })
}

async function handleModel(
  gateway: Gateway,
  request: FastifyRequest,
  reply: FastifyReply,
  parameters: { readonly model: string; readonly version?: string },
  action: Action,
  suffix: string,
): Promise<void> {
  const { model } = parameters
  const client = await admit(gateway, request, reply)
  if (!client.grants.allows(action, model)) {
    gateway.metrics.countRefused('scope')
    // The same whether the model exists or not.
    throw new ProblemError({
      status: 403,
      kind: 'no-scope',
      title: 'The client may not do this',
      detail: `It has no scope ${action}:${model}.`,
    })
  }
  const route = gateway.routes().findModel(model)
  const target = route.target(parameters.version, client, request)
  const startedAt = performance.now()
  if (target.version !== undefined) reply.header('mlp-model-version', target.version)
  const status = await forwardTo(gateway, request, reply, {
    path: `/v2/models/${model}${target.version === undefined ? '' : `/versions/${target.version}`}${suffix}`,
    client,
    target,
    responseTimeoutMs: route.configuration?.responseTimeoutMs,
    idempotent: action === 'read' || route.configuration?.idempotentInference === true,
    hedgeAfterMs: action === 'infer' ? route.configuration?.hedgeAfterMs : undefined,
  })
  const known = route.configuration?.versions?.some(({ version }) => version === target.version) === true
  if (action === 'infer' && known && target.version !== undefined) {
    gateway.metrics.observeModel(model, target.version, status, performance.now() - startedAt)
  }
}

/** Who asks, once it is proved and its limit allows it. */
async function admit(gateway: Gateway, request: FastifyRequest, reply: FastifyReply): Promise<Client> {
  const client = await gateway.authenticate(request)
  await gateway.limits.takeForClient(client, reply)
  return client
}

interface ForwardOptions {
  readonly path: string
  readonly client: Client | undefined
  readonly target?: Target
  readonly responseTimeoutMs?: number | undefined
  readonly idempotent?: boolean
  readonly hedgeAfterMs?: number | undefined
}

async function forwardTo(
  gateway: Gateway,
  request: FastifyRequest,
  reply: FastifyReply,
  { path, client, target, responseTimeoutMs, idempotent = true, hedgeAfterMs }: ForwardOptions,
): Promise<number> {
  const upstream = target?.upstream ?? gateway.routes().defaultUpstream
  const method = request.method === 'POST' ? 'POST' : request.method === 'HEAD' ? 'HEAD' : 'GET'
  const body = method === 'POST' ? await bodyToSend(gateway, request, idempotent) : null
  return forward({
    request,
    reply,
    upstream,
    method,
    path,
    headers: upstreamRequestHeaders(request, client, correlationHeaders(request)),
    body,
    bodyLimitBytes: gateway.bodyLimitBytes,
    responseTimeoutMs: responseTimeoutMs ?? upstream.configuration.responseTimeoutMs,
    idempotent,
    hedgeAfterMs,
    metrics: gateway.metrics,
  })
}

async function bodyToSend(
  { bodyLimitBytes }: Gateway,
  request: FastifyRequest,
  idempotent: boolean,
): Promise<IncomingMessage | Buffer> {
  const length = request.headers['content-length']
  const bytes = length === undefined ? undefined : Number(length)
  if (bytes !== undefined && bytes > bodyLimitBytes) {
    throw new ProblemError({
      status: 413,
      kind: 'body-too-large',
      title: 'The body is too large',
      detail: `${bodyLimitBytes} bytes are allowed.`,
    })
  }
  const keep = bytes !== undefined && bytes <= (idempotent ? repeatableBodyBytes : smallBodyBytes)
  return keep ? readBody(request.raw) : request.raw
}
