import { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { crc32cText, parseCrc32c } from '../copy/digests.ts'
import type { Location } from './location.ts'
import { s3Error } from './s3-errors.ts'
import { attributeHeaders, checksumHeaders, objectHeaders, signedAs, withHeader } from './s3-headers.ts'
import type { S3Wire } from './s3-wire.ts'
import type { Attributes, PartThere, Store, StoredObject } from './store.ts'
import { mustHold, StoreError, undefinedWhen } from './store-error.ts'

/** S3 and what speaks its protocol. CRC-32C is verified by S3 with every write, and kept with the object. */
export function createS3Store(client: S3Client, wire: S3Wire, location: Location & { kind: 's3' }): Store {
  const { bucket, prefix } = location
  const at = (key: string) => ({ Bucket: bucket, Key: `${prefix}${key}` })
  const learning =
    (key: string) =>
    <Input extends { request: unknown }, Output>(next: (args: Input) => Promise<Output>) =>
    async (args: Input): Promise<Output> => {
      const answer = await next(args)
      wire.learn(args.request, `${prefix}${key}`)
      return answer
    }

  return {
    needsMd5: false,
    keepsParts: false,

    async list(token, signal) {
      const list = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token })
      const page = await client.send(list, { abortSignal: signal }).catch(s3Error(`list ${bucket}/${prefix}`))
      const objects = (page.Contents ?? []).flatMap(({ Key, Size, ETag }) =>
        Key === undefined ? [] : [storedObject(Key.slice(prefix.length), Size ?? 0, ETag ?? '')],
      )
      return { objects, token: page.NextContinuationToken }
    },

    async describe(key, signal) {
      const head = new HeadObjectCommand({ ...at(key), ChecksumMode: 'ENABLED' })
      const found = await client
        .send(head, { abortSignal: signal })
        .catch(s3Error(`head ${key}`))
        .catch(undefinedWhen('not-found'))
      if (found === undefined) return undefined
      return {
        ...storedObject(key, found.ContentLength ?? 0, found.ETag ?? ''),
        attributes: attributesOf(found),
        crc32c: found.ChecksumType === 'COMPOSITE' ? undefined : parseCrc32c(found.ChecksumCRC32C),
      }
    },

    async open(object, range, signal) {
      const bytes = range === undefined ? undefined : `bytes=${range.start}-${range.start + range.length - 1}`
      const direct = await wire.call(`get ${object.key}`, {
        ...{ method: 'GET', key: `${prefix}${object.key}`, signal },
        headers: { 'if-match': object.version, range: bytes, 'x-amz-checksum-mode': 'ENABLED' },
      })
      if (direct !== undefined) {
        const told = objectHeaders(direct.headers)
        const isWhole = range === undefined && told.checksumType !== 'COMPOSITE'
        return {
          body: direct.body,
          attributes: told.attributes,
          crc32c: isWhole ? parseCrc32c(told.crc32c) : undefined,
        }
      }
      const get = new GetObjectCommand({
        ...at(object.key),
        IfMatch: object.version,
        ...(bytes === undefined ? {} : { Range: bytes }),
      })
      // The header alone: with `ChecksumMode` the SDK would also compute, in JavaScript, what is computed here anyway.
      get.middlewareStack.add(next => args => next(withHeader(args, 'x-amz-checksum-mode', 'ENABLED')), {
        step: 'build',
      })
      get.middlewareStack.add(learning(object.key), { step: 'deserialize' })
      const answer = await client.send(get, { abortSignal: signal }).catch(s3Error(`get ${object.key}`))
      const whole = range === undefined && answer.ChecksumType !== 'COMPOSITE'
      return {
        body: bodyOf(answer.Body, object.key),
        attributes: attributesOf(answer),
        crc32c: whole ? parseCrc32c(answer.ChecksumCRC32C) : undefined,
      }
    },

    async put(key, content, digests, attributes, signal) {
      const direct = await wire.call(`put ${key}`, {
        ...{ method: 'PUT', key: `${prefix}${key}`, body: content, signal },
        headers: { ...attributeHeaders(attributes), ...checksumHeaders(digests) },
      })
      if (direct !== undefined) {
        await direct.body.dump()
        mustHold(`put ${key}`, digests.crc32c, parseCrc32c(objectHeaders(direct.headers).crc32c))
        return
      }
      const put = new PutObjectCommand({
        ...at(key),
        ...headersOf(attributes),
        Body: content,
        ContentLength: content.length,
        ChecksumCRC32C: crc32cText(digests.crc32c),
      })
      put.middlewareStack.add(next => args => next(signedAs(args, digests)), { step: 'build' })
      put.middlewareStack.add(learning(key), { step: 'deserialize' })
      const answer = await client.send(put, { abortSignal: signal }).catch(s3Error(`put ${key}`))
      mustHold(`put ${key}`, digests.crc32c, parseCrc32c(answer.ChecksumCRC32C))
    },

    async delete(key, signal) {
      await client
        .send(new DeleteObjectCommand(at(key)), { abortSignal: signal })
        .catch(s3Error(`delete ${key}`))
    },

    async beginUpload(key, attributes, signal) {
      const begin = new CreateMultipartUploadCommand({
        ...at(key),
        ...headersOf(attributes),
        ChecksumAlgorithm: 'CRC32C',
        ChecksumType: 'FULL_OBJECT',
      })
      const { UploadId } = await client
        .send(begin, { abortSignal: signal })
        .catch(s3Error(`begin an upload of ${key}`))
      return { key, handle: UploadId ?? '' }
    },

    async partsThere(upload, signal) {
      const there = new Map<number, PartThere>()
      let marker: string | undefined
      do {
        const list = new ListPartsCommand({
          ...at(upload.key),
          UploadId: upload.handle,
          PartNumberMarker: marker,
        })
        const page = await client
          .send(list, { abortSignal: signal })
          .catch(s3Error(`list parts of ${upload.key}`))
          .catch(undefinedWhen('not-found', 'upload-gone'))
        if (page === undefined) return undefined
        for (const { PartNumber, Size, ETag, ChecksumCRC32C } of page.Parts ?? []) {
          if (PartNumber === undefined) continue
          there.set(PartNumber, {
            bytes: Size ?? 0,
            receipt: ETag ?? '',
            crc32c: parseCrc32c(ChecksumCRC32C),
          })
        }
        marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined
      } while (marker !== undefined)
      return there
    },

    async putPart(upload, number, content, digests, signal) {
      const what = `put part ${number} of ${upload.key}`
      const direct = await wire.call(what, {
        ...{ method: 'PUT', key: `${prefix}${upload.key}`, body: content, signal },
        query: { partNumber: String(number), uploadId: upload.handle },
        headers: checksumHeaders(digests),
      })
      if (direct !== undefined) {
        await direct.body.dump()
        const { crc32c, etag } = objectHeaders(direct.headers)
        mustHold(what, digests.crc32c, parseCrc32c(crc32c))
        return etag
      }
      const put = new UploadPartCommand({
        ...at(upload.key),
        UploadId: upload.handle,
        PartNumber: number,
        Body: content,
        ContentLength: content.length,
        ChecksumCRC32C: crc32cText(digests.crc32c),
      })
      put.middlewareStack.add(next => args => next(signedAs(args, digests)), { step: 'build' })
      put.middlewareStack.add(learning(upload.key), { step: 'deserialize' })
      const answer = await client.send(put, { abortSignal: signal }).catch(s3Error(what))
      mustHold(what, digests.crc32c, parseCrc32c(answer.ChecksumCRC32C))
      return answer.ETag ?? ''
    },

    async completeUpload(upload, parts, crc32c, _attributes, signal) {
      const complete = new CompleteMultipartUploadCommand({
        ...at(upload.key),
        UploadId: upload.handle,
        ChecksumType: 'FULL_OBJECT',
        ChecksumCRC32C: crc32cText(crc32c),
        MpuObjectSize: parts.reduce((sum, part) => sum + part.bytes, 0),
        MultipartUpload: {
          Parts: parts.map(part => ({
            PartNumber: part.number,
            ETag: part.receipt,
            ChecksumCRC32C: crc32cText(part.crc32c),
          })),
        },
      })
      const answer = await client
        .send(complete, { abortSignal: signal })
        .catch(s3Error(`complete the upload of ${upload.key}`))
      mustHold(`complete the upload of ${upload.key}`, crc32c, parseCrc32c(answer.ChecksumCRC32C))
    },

    async abortUpload(upload, signal) {
      const abort = new AbortMultipartUploadCommand({ ...at(upload.key), UploadId: upload.handle })
      await client
        .send(abort, { abortSignal: signal })
        .catch(s3Error(`abort the upload of ${upload.key}`))
        .catch(undefinedWhen('not-found', 'upload-gone'))
    },
  }
}

function storedObject(key: string, bytes: number, etag: string): StoredObject {
  const plain = etag.replaceAll('"', '')
  return {
    key,
    bytes,
    version: etag,
    fingerprint: `etag:${plain}`,
    // An MD5 where the object came in one piece and is not encrypted with a key of the customer's: equality proves,
    // difference does not.
    md5: /^[0-9a-f]{32}$/.test(plain) ? plain : undefined,
  }
}

interface S3Headers {
  readonly ContentType?: string | undefined
  readonly ContentEncoding?: string | undefined
  readonly ContentLanguage?: string | undefined
  readonly ContentDisposition?: string | undefined
  readonly CacheControl?: string | undefined
  readonly Metadata?: Record<string, string> | undefined
}

function attributesOf(headers: S3Headers): Attributes {
  return {
    contentType: headers.ContentType,
    contentEncoding: headers.ContentEncoding,
    contentLanguage: headers.ContentLanguage,
    contentDisposition: headers.ContentDisposition,
    cacheControl: headers.CacheControl,
    metadata: headers.Metadata ?? {},
  }
}

function headersOf(attributes: Attributes): S3Headers {
  return {
    ContentType: attributes.contentType,
    ContentEncoding: attributes.contentEncoding,
    ContentLanguage: attributes.contentLanguage,
    ContentDisposition: attributes.contentDisposition,
    CacheControl: attributes.cacheControl,
    Metadata: { ...attributes.metadata },
  }
}

function bodyOf(body: unknown, key: string): Readable {
  if (body instanceof Readable) return body
  throw new StoreError('unavailable', `get ${key}: an answer without a body`)
}
