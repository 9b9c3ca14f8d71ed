import type { Digests } from '../copy/digests.ts'

/** Adds a header to a request in the SDK's middleware. */
export function withHeader<T extends { request: unknown }>(args: T, name: string, value: string): T {
  const { request } = args
  if (typeof request === 'object' && request !== null && 'headers' in request) {
    Object.assign(request, { headers: { ...Object(request.headers), [name]: value } })
  }
  return args
}

/** The signature covers the content by a SHA-256 that is known already; the SDK takes it over instead of hashing again. */
export function signedAs<T extends { request: unknown }>(args: T, digests: Digests): T {
  return withHeader(args, 'x-amz-content-sha256', digests.sha256.toString('hex'))
}
