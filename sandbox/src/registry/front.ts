import { createHash } from 'node:crypto'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import * as z from 'zod'
import type { World } from '../world.ts'
import { type Answer, type Registry, registryError } from './cloud-registry.ts'
import type { ImageStore } from './image-store.ts'
import { findImage, forgetImages, type Image, imagesBelow, imagesOf, recordImage, untag } from './images.ts'

/** The distribution specification's own limit for manifests. */
const largestManifestBytes = 4 << 20
const largestFormBytes = 1 << 16

const descriptorSchema = z.looseObject({ size: z.int().nonnegative().default(0) })
const manifestSchema = z.looseObject({
  mediaType: z.string().optional(),
  config: descriptorSchema.optional(),
  layers: z.array(descriptorSchema).default([]),
})

/**
 * Answers one request to one cloud's registry: login, existence of the repository and tags as that cloud has them,
 * contents from the store behind all of them. https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
 */
export async function answerRegistry(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  world: World,
  images: ImageStore,
): Promise<void> {
  const url = new URL(request.url ?? '/', `https://${registry.host}`)
  const authorization = request.headers.authorization
  const isForm = (request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded')
  const token = registry.token({
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    form: new URLSearchParams(isForm ? String(await readBody(request, largestFormBytes)) : ''),
    authorization,
  })
  if (token !== undefined) return send(response, token)
  const target = parsePath(url.pathname)
  const refusal = registry.refuse(authorization, scopeOf(request, target))
  if (refusal !== undefined) return send(response, refusal)
  switch (target.kind) {
    case 'base':
      return send(response, { status: 200, body: {} })
    case 'catalog':
      return send(response, { status: 200, body: { repositories: repositories(registry, world) } })
    case 'unknown':
      return send(response, registryError(404, 'UNSUPPORTED', `there is no ${url.pathname}`))
  }
  const missing = registry.missing(target.repository)
  if (missing !== undefined) return send(response, missing)
  const call = {
    request,
    response,
    url,
    registry,
    world,
    images,
    path: `${registry.prefix}/${target.repository}`,
  }
  switch (target.kind) {
    case 'tags':
      return send(response, tagList(call, target.repository))
    case 'blobs':
      return forward(call, `/v2/${call.path}/blobs/${target.rest}${searchOf(call)}`)
    case 'manifests':
      return answerManifest(call, target.repository, target.reference)
  }
}

type Target =
  | { readonly kind: 'base' | 'catalog' | 'unknown' }
  | { readonly kind: 'tags'; readonly repository: string }
  | { readonly kind: 'blobs'; readonly repository: string; readonly rest: string }
  | { readonly kind: 'manifests'; readonly repository: string; readonly reference: string }

interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly url: URL
  readonly registry: Registry
  readonly world: World
  readonly images: ImageStore
  /** Of the repository, in the store of images. */
  readonly path: string
}

function parsePath(path: string): Target {
  if (path === '/v2/' || path === '/v2') return { kind: 'base' }
  if (path === '/v2/_catalog' || path === '/acr/v1/_catalog') return { kind: 'catalog' }
  const name = '(?<repository>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)'
  const tags = new RegExp(`^/v2/${name}/tags/list$`).exec(path)?.groups
  if (tags?.['repository'] !== undefined) return { kind: 'tags', repository: tags['repository'] }
  const blobs = new RegExp(`^/v2/${name}/blobs/(?<rest>[A-Za-z0-9:=._/-]+)$`).exec(path)?.groups
  if (blobs?.['repository'] !== undefined && blobs['rest'] !== undefined)
    return { kind: 'blobs', repository: blobs['repository'], rest: blobs['rest'] }
  const manifests = new RegExp(
    `^/v2/${name}/manifests/(?<reference>sha256:[0-9a-f]{64}|\\w[\\w.-]{0,127})$`,
  ).exec(path)?.groups
  if (manifests?.['repository'] !== undefined && manifests['reference'] !== undefined)
    return { kind: 'manifests', repository: manifests['repository'], reference: manifests['reference'] }
  return { kind: 'unknown' }
}

/** What a token would have to be for, as the challenge says. */
function scopeOf(request: IncomingMessage, target: Target): string | undefined {
  if (target.kind === 'catalog') return 'registry:catalog:*'
  if (!('repository' in target)) return undefined
  const reads = request.method === 'GET' || request.method === 'HEAD'
  return `repository:${target.repository}:${reads ? 'pull' : 'pull,push'}`
}

function repositories(registry: Registry, world: World): readonly string[] {
  const paths = imagesBelow(world.store, registry.prefix).map(image => image.path)
  return [...new Set(paths)].map(path => path.slice(registry.prefix.length + 1)).sort()
}

function tagList(call: Call, repository: string): Answer {
  const images = imagesOf(call.world.store, call.path)
  if (images.length === 0)
    return registryError(404, 'NAME_UNKNOWN', `repository name not known to registry: ${repository}`)
  return { status: 200, body: { name: repository, tags: images.flatMap(image => image.tags).sort() } }
}

async function answerManifest(call: Call, repository: string, reference: string): Promise<void> {
  const { request, response, world, path } = call
  if (request.method === 'PUT') return putManifest(call, repository, reference)
  const image = findImage(world.store, path, reference)
  if (image === undefined) {
    call.images.prepare()
    return send(response, registryError(404, 'MANIFEST_UNKNOWN', `Requested image not found: ${reference}`))
  }
  if (request.method !== 'DELETE') return forward(call, `/v2/${path}/manifests/${image.digest}`)
  if (reference === image.digest) forgetImages(world.store, [image])
  else untag(world.store, image, reference)
  response.writeHead(202).end()
}

async function putManifest(call: Call, repository: string, reference: string): Promise<void> {
  const { request, response, world, path, registry } = call
  const body = await readBody(request, largestManifestBytes)
  const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`
  const tag = reference.startsWith('sha256:') ? undefined : reference
  if (tag === undefined && reference !== digest)
    return send(response, registryError(400, 'DIGEST_INVALID', `the manifest's digest is ${digest}`))
  const holder = tag === undefined ? undefined : findImage(world.store, path, tag)
  if (tag !== undefined && holder !== undefined && holder.digest !== digest) {
    const refusal = registry.immutable(repository, tag)
    if (refusal !== undefined) return send(response, refusal)
  }
  await forward(call, `/v2/${path}/manifests/${digest}`, body, () => {
    recordImage(world.store, describeImage(path, digest, body, request.headers['content-type']), tag)
    if (tag !== undefined) response.setHeader('location', `/v2/${repository}/manifests/${tag}`)
  })
}

function describeImage(
  path: string,
  digest: string,
  body: Buffer,
  contentType: string | undefined,
): Omit<Image, 'tags'> {
  // The store behind has accepted it, so it is a manifest.
  const manifest = manifestSchema.parse(JSON.parse(body.toString('utf8')))
  const layers = [manifest.config, ...manifest.layers].reduce((sum, part) => sum + (part?.size ?? 0), 0)
  return {
    path,
    digest,
    mediaType: manifest.mediaType ?? contentType ?? 'application/vnd.oci.image.manifest.v1+json',
    sizeBytes: layers === 0 ? body.length : layers,
    pushedAt: new Date().toISOString(),
  }
}

/** The query, with the other repository of a cross-repository mount at its place in the store. */
function searchOf({ url, registry }: Call): string {
  const query = new URLSearchParams(url.searchParams)
  const from = query.get('from')
  if (from !== null) query.set('from', `${registry.prefix}/${from}`)
  return query.size === 0 ? '' : `?${query}`
}

/** Passes a request on and streams the answer back, without the store's own names in it. */
async function forward(call: Call, path: string, body?: Buffer, onSuccess?: () => void): Promise<void> {
  const { request, response, registry } = call
  const socketPath = await call.images.socket()
  const { authorization: _, ...headers } = request.headers
  const ownNames = (text: string) => text.replaceAll(`${registry.prefix}/`, '')
  await new Promise<void>((resolve, reject) => {
    const outgoing = httpRequest(
      { socketPath, method: request.method, path, headers: { ...headers, host: registry.host } },
      incoming => {
        const status = incoming.statusCode ?? 502
        const location = incoming.headers.location
        if (status < 300) onSuccess?.()
        const answered = {
          ...incoming.headers,
          ...(location === undefined ? {} : { location: ownNames(location) }),
        }
        incoming.on('error', reject)
        if (status < 400) {
          const { location: own, ...others } = answered
          response.writeHead(status, response.hasHeader('location') || own === undefined ? others : answered)
          incoming.pipe(response)
          response.on('close', resolve)
          return
        }
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('end', () => {
          const text = ownNames(Buffer.concat(chunks).toString('utf8'))
          const { 'content-length': __, ...others } = answered
          response.writeHead(status, others).end(request.method === 'HEAD' ? undefined : text)
          resolve()
        })
      },
    )
    outgoing.on('error', reject)
    response.on('close', () => outgoing.destroy())
    if (body === undefined) request.pipe(outgoing)
    else outgoing.end(body)
  })
}

function send(response: ServerResponse, answer: Answer): void {
  const text = JSON.stringify(answer.body)
  response
    .writeHead(answer.status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      'docker-distribution-api-version': 'registry/2.0',
      ...answer.headers,
    })
    .end(text)
}

async function readBody(request: IncomingMessage, largestBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size > largestBytes) throw new Error(`a body of more than ${largestBytes} bytes`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}
