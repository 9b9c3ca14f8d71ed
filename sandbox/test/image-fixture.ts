import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type IncomingHttpHeaders, request } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import { promisify } from 'node:util'
import type { Image } from '../src/registry/images.ts'

const run = promisify(execFile)
export const manifestType = 'application/vnd.oci.image.manifest.v1+json'

/** A record of an image that nobody pushed. */
export function imageAt(path: string): Omit<Image, 'tags'> {
  return {
    path,
    digest: `sha256:${'1'.repeat(64)}`,
    mediaType: manifestType,
    sizeBytes: 1,
    pushedAt: new Date().toISOString(),
  }
}

export interface BuiltImage {
  /** By digest, the manifest excepted. */
  readonly blobs: ReadonlyMap<string, Buffer>
  readonly manifest: Buffer
  readonly digest: string
}

/** An image of these files (path: content), and of the running Node with its libraries where `withNode`. */
export async function buildImage(options: {
  readonly files: Readonly<Record<string, string>>
  readonly withNode?: boolean
  readonly config: Readonly<Record<string, unknown>>
}): Promise<BuiltImage> {
  const folder = await mkdtemp(join(tmpdir(), 'mlp-image-'))
  try {
    const layers = [await layer(join(folder, 'files'), options.files, [])]
    if (options.withNode === true) layers.unshift(await layer(join(folder, 'node'), {}, await nodeFiles()))
    const configuration = Buffer.from(
      JSON.stringify({
        architecture: 'amd64',
        os: 'linux',
        config: options.config,
        rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
      }),
    )
    const descriptor = (mediaType: string, blob: Buffer) => ({
      mediaType,
      digest: digestOf(blob),
      size: blob.length,
    })
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: manifestType,
        config: descriptor('application/vnd.oci.image.config.v1+json', configuration),
        layers: layers.map(blob => descriptor('application/vnd.oci.image.layer.v1.tar', blob)),
      }),
    )
    const blobs = [configuration, ...layers].map(blob => [digestOf(blob), blob] as const)
    return { blobs: new Map(blobs), manifest, digest: digestOf(manifest) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The running Node's binary as /bin/node, and every library that it loads, at its own path. */
async function nodeFiles(): Promise<readonly (readonly [from: string, to: string])[]> {
  const { stdout } = await run('ldd', [process.execPath])
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => [path, path] as const)
  return [[process.execPath, '/bin/node'], ...libraries]
}

async function layer(
  folder: string,
  files: Readonly<Record<string, string>>,
  copies: readonly (readonly [from: string, to: string])[],
): Promise<Buffer> {
  await mkdir(folder, { recursive: true })
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  for (const [from, to] of copies) {
    await mkdir(dirname(join(folder, to)), { recursive: true })
    await cp(from, join(folder, to), { dereference: true })
  }
  const archive = `${folder}.tar`
  await run('tar', ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '-cf', archive, '-C', folder, '.'])
  return readFile(archive)
}

function digestOf(blob: Buffer): string {
  return `sha256:${createHash('sha256').update(blob).digest('hex')}`
}

export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

export interface RegistryClient {
  readonly proxyPort: number
  readonly ca: string
}

export interface RegistryAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** One request to a registry by its real host name, through the sandbox's proxy. */
export async function askRegistry(
  client: RegistryClient,
  method: string,
  url: string,
  headers: Readonly<Record<string, string>> = {},
  body?: Buffer | string,
): Promise<RegistryAnswer> {
  const { host, pathname, search } = new URL(url)
  const socket = await tunnel(client, host)
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      {
        method,
        path: pathname + search,
        headers: { host, ...headers },
        createConnection: () => tlsConnect({ socket, servername: host, ca: client.ca }),
      },
      response => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          socket.destroy()
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString('utf8'),
          })
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

function tunnel(client: RegistryClient, host: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const asking = request({
      host: '127.0.0.1',
      port: client.proxyPort,
      method: 'CONNECT',
      path: `${host}:443`,
    })
    asking.on('connect', (response, socket) => {
      if (response.statusCode === 200) resolve(socket)
      else reject(new Error(`the proxy answers ${response.statusCode} for ${host}`))
    })
    asking.on('error', reject)
    asking.end()
  })
}

/** Pushes an image as any client of the specification does; throws what the registry refuses it with. */
export async function pushImage(
  client: RegistryClient,
  image: BuiltImage,
  to: {
    readonly host: string
    readonly repository: string
    readonly reference?: string
    readonly authorization: string
  },
): Promise<void> {
  const base = `https://${to.host}/v2/${to.repository}`
  const { authorization } = to
  for (const [digest, blob] of image.blobs) {
    const begun = await succeed(askRegistry(client, 'POST', `${base}/blobs/uploads/`, { authorization }))
    const upload = new URL(begun.headers.location ?? '', base)
    upload.searchParams.set('digest', digest)
    const headers = {
      authorization,
      'content-type': 'application/octet-stream',
      'content-length': String(blob.length),
    }
    await succeed(askRegistry(client, 'PUT', upload.href, headers, blob))
  }
  const headers = { authorization, 'content-type': manifestType }
  await succeed(
    askRegistry(client, 'PUT', `${base}/manifests/${to.reference ?? image.digest}`, headers, image.manifest),
  )
}

async function succeed(asking: Promise<RegistryAnswer>): Promise<RegistryAnswer> {
  const answer = await asking
  if (answer.status >= 300) throw new Error(`${answer.status} ${answer.body}`)
  return answer
}
