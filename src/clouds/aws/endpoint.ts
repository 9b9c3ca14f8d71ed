import type { CloudTarget } from '../target.ts'

export function endpointOf(target: CloudTarget): { readonly endpoint?: string } {
  const endpoint = target.endpoints['aws']
  return endpoint === undefined ? {} : { endpoint }
}
