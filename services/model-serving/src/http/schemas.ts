// What the OpenAPI document says of the protocol's JSON.
import * as z from 'zod'
import { tensorHead } from '../protocol/request.ts'
import { DATATYPES } from '../tensors/datatypes.ts'

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/)
export const modelParams = z.object({ name })
export const versionParams = z.object({ name, version: name })

export const tensorMetadata = z.object({
  name: z.string(),
  datatype: z.enum(DATATYPES),
  shape: z.array(z.int()).describe('-1 is a dimension of any size'),
})

export const serverMetadata = z.object({
  name: z.string(),
  version: z.string(),
  extensions: z.array(z.string()),
})

export const modelMetadata = z.object({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.string(),
  inputs: z.array(tensorMetadata),
  outputs: z.array(tensorMetadata),
})

export const repositoryIndex = z.array(
  z.object({
    name: z.string(),
    version: z.string(),
    state: z.enum(['LOADING', 'READY', 'UNLOADING', 'UNAVAILABLE']),
    reason: z.string(),
  }),
)

const element = z.union([z.number(), z.string(), z.boolean()])
const parameters = z.record(z.string(), z.unknown())

export const inferenceRequest = z.object({
  id: z.string().max(256).optional(),
  parameters: parameters.optional().describe('`binary_data_output`: all outputs as binary data'),
  inputs: z
    .array(
      tensorHead.extend({
        parameters: parameters
          .optional()
          .describe('`binary_data_size`: its bytes behind the JSON, instead of data'),
        data: z.array(element).optional().describe('Row-major; flat, or nested as the shape is'),
      }),
    )
    .min(1)
    .max(256),
  outputs: z
    .array(z.object({ name: z.string().min(1).max(256), parameters: parameters.optional() }))
    .max(256)
    .optional(),
})

export const inferenceResponse = z.object({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string().optional(),
  outputs: z.array(
    z.object({
      name: z.string(),
      datatype: z.enum(DATATYPES),
      shape: z.array(z.int()),
      parameters: parameters.optional(),
      data: z.array(element).optional(),
    }),
  ),
})
