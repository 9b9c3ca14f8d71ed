import { randomUUID } from 'node:crypto'
import type { BlobHTTPHeaders, BlockBlobClient, ContainerClient } from '@azure/storage-blob'
import type { Digests } from '../copy/digests.ts'
import { azureError } from './azure-errors.ts'
import type { Location } from './location.ts'
import type { Attributes, PartThere, Store, StoredObject } from './store.ts'
import { mustHold, StoreError, undefinedWhen } from './store-error.ts'

/**
 * Azure Blob Storage. Blocks are verified by their MD5, and wait unseen until the block list is committed together with
 * the metadata; those that never are, Azure forgets after a week.
 */
export function createAzureStore(container: ContainerClient, location: Location & { kind: 'azure' }): Store {
  const { prefix } = location
  const blob = (key: string): BlockBlobClient => container.getBlockBlobClient(`${prefix}${key}`)

  return {
    needsMd5: true,
    keepsParts: false,

    async list(token, signal) {
      const listing = container.listBlobsFlat({ prefix, includeMetadata: true, abortSignal: signal })
      const from = token === undefined ? {} : { continuationToken: token }
      const page = await listing
        .byPage({ maxPageSize: 1_000, ...from })
        .next()
        .catch(azureError(`list ${container.containerName}/${prefix}`))
      if (page.done === true) return { objects: [], token: undefined }
      const objects = page.value.segment.blobItems.map(({ name, properties, metadata }) =>
        storedObject(name.slice(prefix.length), properties, metadata),
      )
      const next = page.value.continuationToken ?? ''
      return { objects, token: next === '' ? undefined : next }
    },

    async describe(key, signal) {
      const found = await blob(key)
        .getProperties({ abortSignal: signal })
        .catch(azureError(`look at ${key}`))
        .catch(undefinedWhen('not-found'))
      return found === undefined ? undefined : storedObject(key, found, found.metadata)
    },

    async open(object, range, signal) {
      const answer = await blob(object.key)
        .download(range?.start ?? 0, range?.length, {
          abortSignal: signal,
          conditions: { ifMatch: object.version },
          maxRetryRequests: 0,
        })
        .catch(azureError(`get ${object.key}`))
      if (answer.readableStreamBody === undefined)
        throw new StoreError('unavailable', `get ${object.key}: an answer without a body`)
      return { body: bytesOf(answer.readableStreamBody), attributes: attributesOf(answer, answer.metadata) }
    },

    async put(key, content, digests, attributes, signal) {
      const answer = await blob(key)
        .upload(content, content.length, {
          abortSignal: signal,
          blobHTTPHeaders: { ...headersOf(attributes), blobContentMD5: md5Of(digests) },
          metadata: metadataOf(attributes),
        })
        .catch(azureError(`put ${key}`))
      mustHold(`put ${key}`, md5Of(digests).toString('hex'), hex(answer.contentMD5))
    },

    async delete(key, signal) {
      await blob(key)
        .delete({ abortSignal: signal, deleteSnapshots: 'include' })
        .catch(azureError(`delete ${key}`))
        .catch(undefinedWhen('not-found'))
    },

    async beginUpload(key) {
      return { key, handle: randomUUID() }
    },

    async partsThere(upload, signal) {
      const list = await blob(upload.key)
        .getBlockList('uncommitted', { abortSignal: signal })
        .catch(azureError(`list blocks of ${upload.key}`))
        .catch(undefinedWhen('not-found'))
      const there = new Map<number, PartThere>()
      for (const { name, size } of list?.uncommittedBlocks ?? []) {
        const number = numberOf(upload.handle, name)
        if (number !== undefined) there.set(number, { bytes: Number(size), receipt: name })
      }
      return there
    },

    async putPart(upload, number, content, digests, signal) {
      const id = blockId(upload.handle, number)
      const what = `put block ${number} of ${upload.key}`
      const answer = await blob(upload.key)
        .stageBlock(id, content, content.length, {
          abortSignal: signal,
          transactionalContentMD5: md5Of(digests),
        })
        .catch(azureError(what))
      mustHold(what, md5Of(digests).toString('hex'), hex(answer.contentMD5))
      return id
    },

    async completeUpload(upload, parts, _crc32c, attributes, signal) {
      await blob(upload.key)
        .commitBlockList(
          parts.map(({ receipt }) => receipt),
          {
            abortSignal: signal,
            blobHTTPHeaders: headersOf(attributes),
            metadata: metadataOf(attributes),
          },
        )
        .catch(azureError(`commit the blocks of ${upload.key}`))
    },

    // Azure has no call for it.
    async abortUpload() {},
  }
}

/** Of one length within a blob, as Azure wants it. */
function blockId(handle: string, number: number): string {
  return Buffer.from(`${handle}-${String(number).padStart(6, '0')}`).toString('base64')
}

function numberOf(handle: string, id: string): number | undefined {
  const text = Buffer.from(id, 'base64').toString()
  return text.startsWith(`${handle}-`) ? Number(text.slice(handle.length + 1)) : undefined
}

interface BlobProperties {
  readonly contentLength?: number | undefined
  readonly contentType?: string | undefined
  readonly contentEncoding?: string | undefined
  readonly contentLanguage?: string | undefined
  readonly contentDisposition?: string | undefined
  readonly cacheControl?: string | undefined
  readonly contentMD5?: Uint8Array | undefined
  readonly etag?: string | undefined
}

function storedObject(
  key: string,
  properties: BlobProperties,
  metadata: Readonly<Record<string, string>> | undefined,
): StoredObject {
  const md5 = hex(properties.contentMD5)
  // Listings write it without the quotes of a header.
  const etag = properties.etag?.replaceAll('"', '') ?? ''
  return {
    key,
    bytes: properties.contentLength ?? 0,
    version: `"${etag}"`,
    fingerprint: md5 === undefined ? `etag:${etag}` : `md5:${md5}`,
    md5,
    attributes: attributesOf(properties, metadata),
  }
}

function attributesOf(
  properties: BlobProperties,
  metadata: Readonly<Record<string, string>> | undefined,
): Attributes {
  const { contentType, contentEncoding, contentLanguage, contentDisposition, cacheControl } = properties
  const names = Object.entries(metadata ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const)
  return {
    ...{ contentType, contentEncoding, contentLanguage, contentDisposition, cacheControl },
    metadata: Object.fromEntries(names),
  }
}

function headersOf(attributes: Attributes): BlobHTTPHeaders {
  const headers = {
    blobContentType: attributes.contentType,
    blobContentEncoding: attributes.contentEncoding,
    blobContentLanguage: attributes.contentLanguage,
    blobContentDisposition: attributes.contentDisposition,
    blobCacheControl: attributes.cacheControl,
  }
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
}

/** Azure's names are identifiers of C#: letters, digits and underscores, no digit first. */
function metadataOf({ metadata }: Attributes): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [
      name.replaceAll(/[^a-zA-Z0-9_]/g, '_').replace(/^(?=\d)/, '_'),
      value,
    ]),
  )
}

function md5Of(digests: Digests): Buffer {
  if (digests.md5 === undefined) throw new Error('Azure needs an MD5')
  return digests.md5
}

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined || bytes.length === 0 ? undefined : Buffer.from(bytes).toString('hex')
}

async function* bytesOf(stream: NodeJS.ReadableStream): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk
}
