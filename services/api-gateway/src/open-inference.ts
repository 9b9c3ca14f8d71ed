import { problemResponses } from '@mlp/service-kit/problem'
import type { FastifyContextConfig } from 'fastify'
import * as z from 'zod'
import { namePattern } from './configuration.ts'

/**
 * The Open Inference Protocol v2 as far as the gateway describes it: bodies pass through as they are, and the model
 * server checks them. https://github.com/open-inference/open-inference-protocol
 */
export const modelParameters = z.object({
  model: z.string().regex(namePattern, 'not a name of a model').meta({ example: 'iris' }),
})
export const versionParameters = modelParameters.extend({
  version: z.string().regex(namePattern, 'not a version of a model').meta({ example: '1' }),
})

const datatypes = ['BOOL', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT8', 'INT16', 'INT32', 'INT64']
const tensorName = { name: { type: 'string' }, parameters: { type: 'object' } } as const

/** The media types of an inference. */
export const inferenceBody: NonNullable<FastifyContextConfig['documentedBody']> = {
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['inputs'],
        properties: {
          id: { type: 'string' },
          parameters: { type: 'object' },
          inputs: {
            type: 'array',
            minItems: 1,
            items: {
              type: 'object',
              required: ['name', 'shape', 'datatype'],
              properties: {
                ...tensorName,
                shape: { type: 'array', items: { type: 'integer', minimum: 0 } },
                datatype: { type: 'string', enum: [...datatypes, 'FP16', 'FP32', 'FP64', 'BYTES'] },
                data: { type: 'array', items: {}, description: 'Row by row; nested as the shape, or flat' },
              },
            },
          },
          outputs: { type: 'array', items: { type: 'object', required: ['name'], properties: tensorName } },
        },
      },
    },
    'application/octet-stream': {
      schema: {
        type: 'string',
        format: 'binary',
        description:
          'The binary tensor extension: JSON, then the tensors; the header inference-header-content-length says where they begin.',
      },
    },
  },
}

const tensors = z.array(z.looseObject({ name: z.string(), datatype: z.string(), shape: z.array(z.int()) }))

export const serverMetadata = z
  .looseObject({ name: z.string(), version: z.string() })
  .describe('The model server, and which extensions of the protocol it has')

export const health = z.unknown().describe('It is')

export const modelMetadata = z
  .looseObject({
    name: z.string(),
    versions: z.array(z.string()).optional(),
    platform: z.string(),
    inputs: tensors,
    outputs: tensors,
  })
  .describe('The tensors of the model')

export const inferenceResponse = z
  .looseObject({
    model_name: z.string(),
    model_version: z.string().optional(),
    id: z.string().optional(),
    outputs: tensors,
  })
  .describe("The model's answer")

/** What a model server answers to `POST /v2/repository/index`. */
export const repositoryIndex = z.array(
  z.object({
    name: z.string(),
    version: z.string().optional(),
    state: z.string().optional(),
    reason: z.string().optional(),
  }),
)

export const modelList = z
  .object({
    models: z.array(
      z.object({
        name: z.string(),
        versions: z.array(
          z.object({
            version: z.string(),
            state: z.string().optional().describe('READY when it can be asked'),
            reason: z.string().optional().describe('Why it cannot'),
          }),
        ),
      }),
    ),
  })
  .describe('By name')

const refusals = {
  401: 'No valid key or token',
  429: 'Over the rate limit; Retry-After says when to come back',
}
const upstreamFailures = {
  502: 'The model server did not answer as it should',
  503: 'The model server is busy or cannot be reached; Retry-After says when to come back',
  504: 'The model server did not answer in time',
}
export const healthProblems = problemResponses({ 429: refusals[429], ...upstreamFailures })
export const listProblems = problemResponses({ ...refusals, ...upstreamFailures })
export const modelProblems = problemResponses({
  400: 'Not a valid request',
  403: 'No scope for this model',
  404: 'No such model or version',
  ...refusals,
  ...upstreamFailures,
})
export const inferenceProblems = problemResponses({
  400: 'Not a valid request, or not what the model takes',
  403: 'No scope for this model',
  404: 'No such model or version',
  413: 'The body is too large',
  415: 'Neither JSON nor the binary extension',
  ...refusals,
  ...upstreamFailures,
})
