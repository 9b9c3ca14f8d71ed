import type { ServiceApp } from '@mlp/service-kit/app'
import { problemResponses } from '@mlp/service-kit/problem'
import type { FastifyReply, FastifyRequest } from 'fastify'
import * as z from 'zod'
import { invalid } from '../errors.ts'
import { outputIndexes } from '../inference/signature.ts'
import type { InferenceMetrics } from '../metrics.ts'
import { parseInferenceRequest } from '../protocol/request.ts'
import { encodeInferenceResponse } from '../protocol/response.ts'
import type { ModelStore } from '../repository/model-store.ts'
import { asProblem } from './problems.ts'
import { inferenceRequest, inferenceResponse, modelParams, versionParams } from './schemas.ts'

/** `POST /v2/models/{name}[/versions/{version}]/infer`, in JSON and with binary tensors behind it. */
export function addInferRoutes(
  app: ServiceApp,
  store: ModelStore,
  metrics: InferenceMetrics,
  maxBodyBytes: number,
): void {
  // Bodies are read as bytes: tensors are parsed from them without a detour over JSON.parse.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    ['application/json', 'application/octet-stream'],
    { parseAs: 'buffer' },
    (_request, body, done) => done(null, body),
  )

  async function infer(
    name: string,
    version: string | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    try {
      const served = store.find(name, version)
      if (!Buffer.isBuffer(request.body)) throw invalid('the request has no body')
      const parsed = parseInferenceRequest(request.body, headerLength(request))
      const { model } = served
      const chosen = parsed.outputs && outputIndexes(model.signature, parsed.outputs)
      const all = await model.infer(parsed.inputs, () => reply.raw.destroyed)
      const outputs = chosen?.flatMap(index => all[index] ?? []) ?? all
      const { body, headerBytes } = encodeInferenceResponse(served, parsed, outputs)
      metrics.answered(served)
      if (headerBytes === undefined) reply.type('application/json').send(body)
      else {
        reply
          .header('inference-header-content-length', headerBytes)
          .type('application/octet-stream')
          .send(body)
      }
    } catch (error) {
      metrics.refused(error)
      reply.send(asProblem(error))
    }
  }

  const shared = {
    method: 'POST' as const,
    bodyLimit: maxBodyBytes,
    config: {
      documentedBody: {
        content: { 'application/json': { schema: z.toJSONSchema(inferenceRequest, { io: 'input' }) } },
      },
    },
  }
  const response = {
    200: {
      description: 'The outputs; as binary data, where that was asked for, behind the JSON',
      content: {
        'application/json': { schema: inferenceResponse },
        'application/octet-stream': { schema: z.string() },
      },
    },
    ...problemResponses({
      400: 'The body or a tensor in it is not valid, or not what the model takes',
      404: 'There is no such model or version',
      406: 'An output holds NaN or an infinity, which JSON cannot say',
      413: 'The body is too large',
      415: 'The body is neither JSON nor JSON with binary tensors',
      422: 'The model cannot work with these values',
      503: 'The model is overloaded or not ready: `Retry-After` says when to ask again',
    }),
  }
  const description =
    'With `Inference-Header-Content-Length`, the body is that many bytes of JSON and then the bytes of the inputs that ' +
    'have `binary_data_size`, in order.'
  app.route({
    ...shared,
    url: '/v2/models/:name/infer',
    schema: { tags: ['inference'], summary: 'Ask a model', description, params: modelParams, response },
    handler: (request, reply) => void infer(request.params.name, undefined, request, reply),
  })
  app.route({
    ...shared,
    url: '/v2/models/:name/versions/:version/infer',
    schema: {
      tags: ['inference'],
      summary: 'Ask one version of a model, by its number or an alias',
      description,
      params: versionParams,
      response,
    },
    handler: (request, reply) => void infer(request.params.name, request.params.version, request, reply),
  })
}

/** Length of the JSON part as the client says it; undefined if it says nothing. */
function headerLength(request: FastifyRequest): number | undefined {
  const header = request.headers['inference-header-content-length']
  if (header === undefined) return undefined
  if (typeof header !== 'string' || !/^\d{1,10}$/.test(header)) {
    throw invalid('Inference-Header-Content-Length is not a number of bytes')
  }
  return Number(header)
}
