import type { Dispatcher } from 'undici'
import { crc32cText, type Digests } from '../copy/digests.ts'
import type { Attributes } from './store.ts'

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

type Headers = Dispatcher.ResponseData['headers']
const metadataPrefix = 'x-amz-meta-'

/** What an answer says of an object and its content. */
export function objectHeaders(headers: Headers) {
  const text = (name: string): string | undefined => {
    const value = headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }
  const metadata: Record<string, string> = {}
  for (const name in headers) {
    if (name.startsWith(metadataPrefix)) metadata[name.slice(metadataPrefix.length)] = text(name) ?? ''
  }
  const attributes: Attributes = {
    contentType: text('content-type'),
    contentEncoding: text('content-encoding'),
    contentLanguage: text('content-language'),
    contentDisposition: text('content-disposition'),
    cacheControl: text('cache-control'),
    metadata,
  }
  return {
    attributes,
    etag: text('etag') ?? '',
    crc32c: text('x-amz-checksum-crc32c'),
    checksumType: text('x-amz-checksum-type'),
  }
}

export function attributeHeaders(attributes: Attributes): Record<string, string | undefined> {
  return {
    'content-type': attributes.contentType ?? 'application/octet-stream',
    'content-encoding': attributes.contentEncoding,
    'content-language': attributes.contentLanguage,
    'content-disposition': attributes.contentDisposition,
    'cache-control': attributes.cacheControl,
    ...Object.fromEntries(
      Object.entries(attributes.metadata).map(([name, value]) => [`${metadataPrefix}${name}`, value]),
    ),
  }
}

/** The store verifies the CRC-32C; the signature covers the SHA-256. */
export function checksumHeaders(digests: Digests): Record<string, string> {
  return {
    'x-amz-checksum-crc32c': crc32cText(digests.crc32c),
    'x-amz-content-sha256': digests.sha256.toString('hex'),
  }
}
