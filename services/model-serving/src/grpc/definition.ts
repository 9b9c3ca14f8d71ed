import { join } from 'node:path'
import { loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

/** GRPCInferenceService as the protocol defines it: its methods for a server, and a client's constructor. */
export function loadInferenceService(): ServiceClientConstructor {
  const file = join(import.meta.dirname, 'inference.proto')
  const { inference } = loadPackageDefinition(
    loadSync(file, { keepCase: true, longs: String, defaults: true, arrays: true }),
  )
  const service =
    inference !== undefined && 'GRPCInferenceService' in inference
      ? inference['GRPCInferenceService']
      : undefined
  if (typeof service !== 'function' || !('service' in service)) {
    throw new Error(`${file} has no GRPCInferenceService`)
  }
  return service
}
