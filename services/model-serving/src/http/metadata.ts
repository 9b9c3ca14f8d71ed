import type { ServiceApp } from '@mlp/service-kit/app'
import { problemResponses } from '@mlp/service-kit/problem'
import * as z from 'zod'
import { RequestRefused } from '../errors.ts'
import type { TensorSpec } from '../inference/signature.ts'
import type { ModelStore, ServedVersion } from '../repository/model-store.ts'
import { asProblem } from './problems.ts'
import { modelMetadata, modelParams, serverMetadata, type tensorMetadata, versionParams } from './schemas.ts'

/** The protocol's questions about the server and its models. */
export function addMetadataRoutes(
  app: ServiceApp,
  store: ModelStore,
  server: { name: string; version: string },
): void {
  const tags = ['metadata']
  app.route({
    method: 'GET',
    url: '/v2',
    schema: { tags, summary: 'The server', response: { 200: serverMetadata } },
    handler: async () => ({
      name: server.name,
      version: server.version,
      extensions: ['binary_tensor_data', 'model_repository'],
    }),
  })
  app.route({
    method: 'GET',
    url: '/v2/health/live',
    config: { quiet: true },
    schema: { tags, summary: 'Whether the server lives', response: { 200: z.object({ live: z.boolean() }) } },
    handler: async () => ({ live: true }),
  })
  app.route({
    method: 'GET',
    url: '/v2/health/ready',
    config: { quiet: true },
    schema: {
      tags,
      summary: 'Whether every model is ready',
      response: { 200: z.object({ ready: z.boolean() }), ...problemResponses({ 503: 'A model is missing' }) },
    },
    handler: async () => {
      const missing = store.missing()
      if (missing !== undefined) throw asProblem(new RequestRefused('model-not-ready', missing, 5))
      return { ready: true }
    },
  })

  const find = (name: string, version?: string): ServedVersion => {
    try {
      return store.find(name, version)
    } catch (error) {
      throw asProblem(error)
    }
  }
  const metadataOf = (name: string, version?: string): z.output<typeof modelMetadata> => {
    const { inputs, outputs } = find(name, version).model.signature
    return {
      name,
      versions: [...store.versionsOf(name)],
      platform: 'onnx_onnxv1',
      inputs: inputs.map(describe),
      outputs: outputs.map(describe),
    }
  }
  const readinessOf = (name: string, version?: string) => ({ name: find(name, version).name, ready: true })

  const problems = problemResponses({
    400: 'Not a name',
    404: 'There is no such model or version',
    503: 'The model is not ready',
  })
  const metadata = { tags, summary: 'A model', response: { 200: modelMetadata, ...problems } }
  const ready = {
    tags,
    summary: 'Whether a model is ready',
    response: { 200: z.object({ name: z.string(), ready: z.boolean() }), ...problems },
  }
  app.route({
    method: 'GET',
    url: '/v2/models/:name',
    schema: { ...metadata, params: modelParams },
    handler: async ({ params }) => metadataOf(params.name),
  })
  app.route({
    method: 'GET',
    url: '/v2/models/:name/versions/:version',
    schema: { ...metadata, params: versionParams },
    handler: async ({ params }) => metadataOf(params.name, params.version),
  })
  app.route({
    method: 'GET',
    url: '/v2/models/:name/ready',
    config: { quiet: true },
    schema: { ...ready, params: modelParams },
    handler: async ({ params }) => readinessOf(params.name),
  })
  app.route({
    method: 'GET',
    url: '/v2/models/:name/versions/:version/ready',
    config: { quiet: true },
    schema: { ...ready, params: versionParams },
    handler: async ({ params }) => readinessOf(params.name, params.version),
  })
}

function describe({ name, datatype, shape }: TensorSpec): z.output<typeof tensorMetadata> {
  return { name, datatype, shape: [...shape] }
}
