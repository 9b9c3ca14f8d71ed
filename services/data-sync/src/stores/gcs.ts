import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import * as z from 'zod'
import { crc32cText, type Digests, parseCrc32c } from '../copy/digests.ts'
import { type GcsClient, pathOf } from './gcs-client.ts'
import { composeParts } from './gcs-compose.ts'
import { scratchFolder, scratchOf } from './gcs-scratch.ts'
import type { Location } from './location.ts'
import type { Attributes, PartThere, Store, StoredObject } from './store.ts'
import { mustHold, undefinedWhen } from './store-error.ts'

const fields = [
  ...['name', 'size', 'generation', 'md5Hash', 'crc32c', 'metadata'],
  ...['contentType', 'contentEncoding', 'contentLanguage', 'contentDisposition', 'cacheControl'],
].join(',')

const resourceSchema = z.object({
  name: z.string(),
  size: z.coerce.number().default(0),
  generation: z.coerce.string(),
  md5Hash: z.string().optional(),
  crc32c: z.string().optional(),
  contentType: z.string().optional(),
  contentEncoding: z.string().optional(),
  contentLanguage: z.string().optional(),
  contentDisposition: z.string().optional(),
  cacheControl: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
})
type GcsResource = z.infer<typeof resourceSchema>
const pageSchema = z.object({
  items: z.array(resourceSchema).default([]),
  nextPageToken: z
    .string()
    .optional()
    .transform(token => (token === '' ? undefined : token)),
})
const writtenSchema = resourceSchema.pick({ generation: true, crc32c: true, size: true })

/**
 * Google Cloud Storage. An upload in parts is a set of scratch objects that the store itself composes into the whole
 * one, the way of Google's own command line: parts travel side by side, each is verified by the store, they survive
 * this process, and the object appears at once together with its content hash, which a resumable upload's metadata,
 * fixed at its beginning, could not hold.
 */
export function createGcsStore(client: GcsClient, location: Location & { kind: 'gcs' }): Store {
  const { bucket, prefix } = location

  const insert = async (
    what: string,
    name: string,
    content: Buffer,
    digests: Digests,
    attributes: Attributes,
    signal: AbortSignal,
  ): Promise<string> => {
    const written = await client.json(
      what,
      insertCall(bucket, name, content, digests, attributes, signal),
      writtenSchema,
    )
    mustHold(what, crc32cText(digests.crc32c), written.crc32c)
    return written.generation
  }

  const listPage = (folder: string, token: string | undefined, signal: AbortSignal) => {
    const query = new URLSearchParams({
      prefix: folder,
      maxResults: '1000',
      fields: `nextPageToken,items(${fields})`,
      ...(token === undefined ? {} : { pageToken: token }),
    })
    return client.json(`list ${bucket}/${folder}`, { path: `${pathOf(bucket)}?${query}`, signal }, pageSchema)
  }

  async function* listFolder(folder: string, signal: AbortSignal): AsyncGenerator<readonly GcsResource[]> {
    let token: string | undefined
    do {
      const page = await listPage(folder, token, signal)
      yield page.items
      token = page.nextPageToken
    } while (token !== undefined)
  }

  return {
    needsMd5: false,
    keepsParts: true,

    async list(token, signal) {
      const { items, nextPageToken } = await listPage(prefix, token, signal)
      const objects = items
        .filter(({ name }) => !name.startsWith(scratchFolder))
        .map(item => storedObject(item, prefix))
      return { objects, token: nextPageToken }
    },

    async describe(key, signal) {
      const path = `${pathOf(bucket, prefix + key)}?fields=${fields}`
      const found = await client
        .json(`look at ${key}`, { path, signal }, resourceSchema)
        .catch(undefinedWhen('not-found'))
      return found === undefined ? undefined : storedObject(found, prefix)
    },

    async open(object, range, signal) {
      const path = `${pathOf(bucket, prefix + object.key)}?alt=media&generation=${object.version}`
      const headers = {
        // Takes the stored bytes as they are: without it, what is stored compressed arrives unpacked.
        'accept-encoding': 'gzip',
        ...(range === undefined ? {} : { range: `bytes=${range.start}-${range.start + range.length - 1}` }),
      }
      const response = await client.call(`get ${object.key}`, { path, headers, signal })
      return { body: response.body }
    },

    async put(key, content, digests, attributes, signal) {
      await insert(`put ${key}`, prefix + key, content, digests, attributes, signal)
    },

    async delete(key, signal) {
      await remove(client, bucket, prefix + key, signal)
    },

    async beginUpload(key) {
      return { key, handle: randomUUID() }
    },

    async partsThere(upload, signal) {
      const folder = scratchOf(upload)
      const there = new Map<number, PartThere>()
      for await (const items of listFolder(folder, signal)) {
        for (const { name, size, generation, crc32c } of items) {
          const number = Number(name.slice(folder.length))
          if (!Number.isInteger(number)) continue
          there.set(number, { bytes: size, receipt: generation, crc32c: parseCrc32c(crc32c) })
        }
      }
      return there
    },

    async putPart(upload, number, content, digests, signal) {
      const name = `${scratchOf(upload)}${String(number).padStart(6, '0')}`
      const plain = { metadata: {} }
      return await insert(`put part ${number} of ${upload.key}`, name, content, digests, plain, signal)
    },

    async completeUpload(upload, parts, _crc32c, attributes, signal) {
      const folder = scratchOf(upload)
      const name = prefix + upload.key
      await composeParts(client, { bucket, folder, name, parts, resource: attributes }, signal)
    },

    async abortUpload(upload, signal) {
      await emptyFolder(client, bucket, listFolder(scratchOf(upload), signal), signal)
    },
  }
}

async function emptyFolder(
  client: GcsClient,
  bucket: string,
  pages: AsyncIterable<readonly GcsResource[]>,
  signal: AbortSignal,
): Promise<void> {
  const atOnce = 16
  for await (const items of pages) {
    for (let at = 0; at < items.length; at += atOnce) {
      const some = items.slice(at, at + atOnce)
      await Promise.all(some.map(({ name }) => remove(client, bucket, name, signal)))
    }
  }
}

async function remove(client: GcsClient, bucket: string, name: string, signal: AbortSignal): Promise<void> {
  const response = await client
    .call(`delete ${name}`, { method: 'DELETE', path: pathOf(bucket, name), signal })
    .catch(undefinedWhen('not-found'))
  await response?.body.dump()
}

const largestCopiedBytes = 65_536

/** One request for metadata and content (uploadType=multipart, RFC 2387); the store refuses a content with another CRC-32C. */
function insertCall(
  bucket: string,
  name: string,
  content: Buffer,
  digests: Digests,
  attributes: Attributes,
  signal: AbortSignal,
) {
  const boundary = `mlp-${randomUUID()}`
  const resource = { name, crc32c: crc32cText(digests.crc32c), ...attributes }
  const contentType = attributes.contentType ?? 'application/octet-stream'
  const head = Buffer.from(
    `--${boundary}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n${JSON.stringify(resource)}\r\n` +
      `--${boundary}\r\ncontent-type: ${contentType.replaceAll(/[\r\n]/g, ' ')}\r\n\r\n`,
  )
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  const path = `/upload${pathOf(bucket)}?uploadType=multipart&fields=generation,crc32c,size`
  const headers = {
    'content-type': `multipart/related; boundary=${boundary}`,
    'content-length': String(head.length + content.length + tail.length),
  }
  // One buffer takes one system call; of a large content a second copy in memory would cost more.
  const body =
    content.length <= largestCopiedBytes
      ? Buffer.concat([head, content, tail])
      : Readable.from([head, content, tail], { objectMode: false })
  return { method: 'POST' as const, path, headers, body, signal }
}

function storedObject(item: GcsResource, prefix: string): StoredObject {
  const {
    metadata = {},
    contentType,
    contentEncoding,
    contentLanguage,
    contentDisposition,
    cacheControl,
  } = item
  return {
    key: item.name.slice(prefix.length),
    bytes: item.size,
    version: item.generation,
    fingerprint: item.crc32c === undefined ? `generation:${item.generation}` : `crc32c:${item.crc32c}`,
    md5: item.md5Hash === undefined ? undefined : Buffer.from(item.md5Hash, 'base64').toString('hex'),
    crc32c: parseCrc32c(item.crc32c),
    attributes: {
      ...{ contentType, contentEncoding, contentLanguage, contentDisposition, cacheControl },
      metadata,
    },
  }
}
