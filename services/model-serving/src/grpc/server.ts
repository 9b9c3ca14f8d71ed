import { type handleUnaryCall, Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js'
import * as z from 'zod'
import { invalid, type Refusal, RequestRefused } from '../errors.ts'
import { outputIndexes } from '../inference/signature.ts'
import type { InferenceMetrics } from '../metrics.ts'
import { decodeBinary, encodeBinary } from '../protocol/binary-tensors.ts'
import { parseOrRefuse, tensorHead } from '../protocol/request.ts'
import type { ModelStore } from '../repository/model-store.ts'
import type { Tensor } from '../tensors/datatypes.ts'
import { loadInferenceService } from './definition.ts'
import { type Contents, contentsSchema, fromContents, toContents } from './tensors.ts'

const STATUSES: Readonly<Record<Refusal, number>> = {
  'invalid-request': status.INVALID_ARGUMENT,
  forbidden: status.PERMISSION_DENIED,
  'unknown-model': status.NOT_FOUND,
  'not-representable': status.FAILED_PRECONDITION,
  'rejected-by-model': status.INVALID_ARGUMENT,
  cancelled: status.CANCELLED,
  'model-not-ready': status.UNAVAILABLE,
  overloaded: status.UNAVAILABLE,
}

const modelRequest = z.object({ name: z.string(), version: z.string() })
const inferRequest = z.object({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string().max(256),
  inputs: z
    .array(
      z.object({
        name: tensorHead.shape.name,
        datatype: tensorHead.shape.datatype,
        /** 64-bit integers come as decimal strings. */
        shape: z.array(z.string().transform(Number)).pipe(tensorHead.shape.shape),
        contents: contentsSchema.nullable(),
      }),
    )
    .min(1)
    .max(256),
  outputs: z.array(z.object({ name: z.string() })).max(256),
  raw_input_contents: z.array(z.instanceof(Buffer)),
})

export interface GrpcOptions {
  readonly host: string
  readonly port: number
  readonly maxMessageBytes: number
  /** Told of what is a bug: the caller is told only that there is one. */
  readonly onFailure: (error: unknown) => void
  readonly server: { readonly name: string; readonly version: string }
}
export interface GrpcServer {
  readonly port: number
  /** Stops accepting; resolves once every call is answered. */
  close(): Promise<void>
}

/** Serves the same models over gRPC, without TLS: the mesh does that. Rejects if the port is taken. */
export async function startGrpcServer(
  store: ModelStore,
  metrics: InferenceMetrics,
  { host, port, maxMessageBytes, onFailure, server: { name, version } }: GrpcOptions,
): Promise<GrpcServer> {
  /** A handler that answers with what `handle` resolves to, or with the status of what it rejects with. */
  const answer =
    (
      handle: (request: unknown, isCancelled: () => boolean) => Promise<object>,
    ): handleUnaryCall<unknown, object> =>
    (call, callback) => {
      handle(call.request, () => call.cancelled).then(
        response => callback(null, response),
        (error: unknown) => {
          if (!(error instanceof RequestRefused)) onFailure(error)
          callback(statusOf(error))
        },
      )
    }
  const find = (model: string, modelVersion: string) => store.find(model, modelVersion || undefined)
  const server = new Server({ 'grpc.max_receive_message_length': maxMessageBytes })
  server.addService(loadInferenceService().service, {
    ServerLive: answer(async () => ({ live: true })),
    ServerReady: answer(async () => ({ ready: store.missing() === undefined })),
    ModelReady: answer(async request => {
      const { name, version } = parseOrRefuse(modelRequest, request)
      try {
        find(name, version)
        return { ready: true }
      } catch (error) {
        if (error instanceof RequestRefused && error.reason === 'model-not-ready') return { ready: false }
        throw error
      }
    }),
    ServerMetadata: answer(async () => ({ name, version, extensions: [] })),
    ModelMetadata: answer(async request => {
      const { name, version } = parseOrRefuse(modelRequest, request)
      const { signature } = find(name, version).model
      return { name, versions: store.versionsOf(name), platform: 'onnx_onnxv1', ...signature }
    }),
    ModelInfer: answer(async (request, isCancelled) => {
      try {
        return await infer(request, isCancelled)
      } catch (error) {
        metrics.refused(error)
        throw error
      }
    }),
  })

  async function infer(message: unknown, isCancelled: () => boolean) {
    const request = parseOrRefuse(inferRequest, message)
    const served = find(request.model_name, request.model_version)
    const { model } = served
    const chosen = request.outputs.length > 0 ? outputIndexes(model.signature, request.outputs) : undefined
    const all = await model.infer(readInputs(request), isCancelled)
    const outputs = chosen?.flatMap(index => all[index] ?? []) ?? all
    metrics.answered(served)
    return {
      model_name: served.name,
      model_version: served.version,
      id: request.id,
      ...writeOutputs(outputs, request.raw_input_contents.length > 0),
    }
  }

  const boundPort = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  return {
    port: boundPort,
    close: () =>
      new Promise((resolve, reject) =>
        server.tryShutdown(error => (error === undefined ? resolve() : reject(error))),
      ),
  }
}

function statusOf(error: unknown): { code: number; details: string; metadata: Metadata } {
  const metadata = new Metadata()
  if (!(error instanceof RequestRefused))
    return { code: status.INTERNAL, details: 'the service failed', metadata }
  if (error.retryAfterSeconds !== undefined) {
    // What gRPC's own retry policy waits for.
    metadata.set('grpc-retry-pushback-ms', String(error.retryAfterSeconds * 1000))
  }
  return { code: STATUSES[error.reason], details: error.message, metadata }
}

function readInputs({ inputs, raw_input_contents: raw }: z.output<typeof inferRequest>): readonly Tensor[] {
  if (raw.length > 0 && raw.length !== inputs.length) {
    throw invalid(`${raw.length} raw_input_contents for ${inputs.length} inputs`)
  }
  return inputs.map(({ contents, ...head }, index) => {
    const bytes = raw[index]
    if (bytes === undefined) return { ...head, data: fromContents(contents, head) }
    if (hasElements(contents)) throw invalid(`input '${head.name}' has contents and raw_input_contents`)
    return { ...head, data: decodeBinary(bytes, head) }
  })
}

function hasElements(contents: Contents | null): boolean {
  return Object.values(contents ?? {}).some(elements => elements.length > 0)
}

/** Raw if the inputs were, or if an output cannot be said otherwise: the protocol has all of them in one form. */
function writeOutputs(outputs: readonly Tensor[], isRaw: boolean) {
  const heads = outputs.map(({ name, datatype, shape }) => ({ name, datatype, shape }))
  const contents = isRaw ? [undefined] : outputs.map(toContents)
  if (contents.includes(undefined)) {
    return { outputs: heads, raw_output_contents: outputs.map(({ data }) => encodeBinary(data)) }
  }
  return { outputs: heads.map((head, index) => ({ ...head, contents: contents[index] })) }
}
