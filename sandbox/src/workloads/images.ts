import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import {
  chmod,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { basename, dirname, join, relative } from 'node:path'
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { extract, type Header } from 'tar-stream'
import * as z from 'zod'
import { onceEach } from './once-each.ts'

/** https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md */
const configSchema = z.looseObject({
  config: z
    .looseObject({
      User: z.string().default(''),
      Env: z.array(z.string()).nullish(),
      Entrypoint: z.array(z.string()).nullish(),
      Cmd: z.array(z.string()).nullish(),
      WorkingDir: z.string().default(''),
    })
    .default({ User: '', WorkingDir: '' }),
})
type ImageConfig = z.infer<typeof configSchema>['config']

const descriptorSchema = z.looseObject({
  mediaType: z.string(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
})
const manifestSchema = z.looseObject({
  config: descriptorSchema.optional(),
  layers: z.array(descriptorSchema).default([]),
  manifests: z
    .array(
      descriptorSchema.extend({
        platform: z.looseObject({ architecture: z.string(), os: z.string() }).optional(),
      }),
    )
    .default([]),
})

export interface PulledImage {
  readonly config: ImageConfig
  /** Absolute; shared by all containers of the image, so nothing may write to it. */
  readonly root: string
  /** Of all its layers, packed. */
  readonly bytes: number
}

/** What no second try would make good. */
class BrokenImage extends Error {}

const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ')

/**
 * The image at `digest` of a repository in the store of images, unpacked below `folder` once for all who use it.
 * Every blob is checked against its digest. Throws BrokenImage for layers that reach out of their root.
 */
export async function fetchImage(
  source: { readonly socket: string; readonly path: string; readonly digest: string },
  folder: string,
): Promise<PulledImage> {
  const manifest = manifestSchema.parse(
    JSON.parse(String(await fetchBytes(source, `manifests/${source.digest}`, source.digest))),
  )
  const own = manifest.manifests.find(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === architecture(),
  )
  if (own !== undefined) return fetchImage({ ...source, digest: own.digest }, folder)
  if (manifest.config === undefined)
    throw new BrokenImage(`no match for platform in manifest: linux/${architecture()}`)
  const { config } = configSchema.parse(
    JSON.parse(String(await fetchBytes(source, `blobs/${manifest.config.digest}`, manifest.config.digest))),
  )
  const root = join(
    folder,
    createHash('sha256')
      .update(manifest.layers.map(({ digest }) => digest).join())
      .digest('hex'),
  )
  await onceEach(root, async () => {
    if (await exists(`${root}/.`)) return
    const unfinished = `${root}.new`
    await rm(unfinished, { recursive: true, force: true })
    await mkdir(unfinished, { recursive: true, mode: 0o755 })
    for (const layer of manifest.layers) await unpackLayer(source, layer.digest, unfinished)
    await rename(unfinished, root)
  })
  const bytes = manifest.layers.reduce((sum, layer) => sum + Number(layer['size'] ?? 0), 0)
  return { config, root, bytes }
}

function architecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch
}

async function fetchBytes(
  source: { socket: string; path: string },
  what: string,
  digest: string,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of await open(source, what)) chunks.push(Buffer.from(chunk))
  const bytes = Buffer.concat(chunks)
  check(digest, createHash('sha256').update(bytes).digest('hex'))
  return bytes
}

async function open(source: { socket: string; path: string }, what: string): Promise<IncomingMessage> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asking = request(
      { socketPath: source.socket, path: `/v2/${source.path}/${what}`, headers: { accept: manifestTypes } },
      resolve,
    )
    asking.on('error', reject)
    asking.end()
  })
  if (response.statusCode === 200) return response
  response.resume()
  throw new Error(`unexpected status from GET request to /v2/${source.path}/${what}: ${response.statusCode}`)
}

function check(digest: string, actual: string): void {
  if (digest !== `sha256:${actual}`)
    throw new BrokenImage(`failed to verify ${digest}: the content is sha256:${actual}`)
}

async function unpackLayer(
  source: { socket: string; path: string },
  digest: string,
  root: string,
): Promise<void> {
  const hash = createHash('sha256')
  const incoming = await open(source, `blobs/${digest}`)
  incoming.on('data', (chunk: Buffer) => hash.update(chunk))
  const tar = extract()
  const reading = pipeline(await decompressed(incoming), tar)
  const links: { readonly header: Header; readonly path: string }[] = []
  /** Folders that were looked at already; a link may change where any of them leads. */
  const folders = new Map<string, string>()
  for await (const entry of tar) {
    const path = await safePath(root, entry.header.name, folders)
    if (path === undefined) entry.resume()
    else if (entry.header.type === 'link') links.push({ header: entry.header, path })
    else if (await writeEntry(entry.header, entry, path, root)) folders.clear()
    entry.resume()
  }
  await reading
  // Hard links name files that may come later in the archive.
  for (const { header, path } of links) {
    const target = await safePath(root, header.linkname ?? '')
    if (target === undefined) continue
    await rm(path, { recursive: true, force: true })
    await link(target, path)
  }
  check(digest, hash.digest('hex'))
}

/** By the layer's first bytes, whatever its media type says. */
async function decompressed(layer: IncomingMessage): Promise<Readable> {
  const through = layer.pipe(new PassThrough())
  const head = await new Promise<Buffer>((resolve, reject) => {
    through.once('error', reject)
    through.once('end', () => resolve(Buffer.alloc(0)))
    through.once('readable', () => {
      const chunk: unknown = through.read()
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.alloc(0)
      if (bytes.length > 0) through.unshift(bytes)
      resolve(bytes)
    })
  })
  if (head.readUInt16BE(0) === 0x1f8b) return through.pipe(createGunzip())
  if (head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528) return through.pipe(createZstdDecompress())
  return through
}

/**
 * Where an entry goes; undefined for the root itself. Refuses names that leave the root, also through a link that an
 * earlier entry made.
 */
async function safePath(
  root: string,
  name: string,
  folders = new Map<string, string>(),
): Promise<string | undefined> {
  const path = join(root, name)
  const inside = relative(root, path)
  if (inside === '') return undefined
  if (inside.startsWith('..')) throw new BrokenImage(`the layer's entry ${name} leaves the image`)
  const parent = dirname(path)
  const known = folders.get(parent)
  if (known !== undefined) return join(known, basename(path))
  await mkdir(parent, { recursive: true, mode: 0o755 })
  const real = await realpath(parent)
  const within = relative(await realpath(root), real)
  if (within.startsWith('..'))
    throw new BrokenImage(`the layer's entry ${name} leaves the image through a link`)
  folders.set(parent, real)
  return join(real, basename(path))
}

/**
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts
 * True when a name may lead elsewhere than before.
 */
async function writeEntry(
  header: Header,
  content: AsyncIterable<unknown>,
  path: string,
  root: string,
): Promise<boolean> {
  const name = basename(path)
  if (name === '.wh..wh..opq') {
    for (const hidden of await readdir(dirname(path)))
      await rm(join(dirname(path), hidden), { recursive: true, force: true })
    return true
  }
  if (name.startsWith('.wh.')) {
    await rm(join(dirname(path), name.slice('.wh.'.length)), { recursive: true, force: true })
    return true
  }
  const existing = await lstat(path).catch(() => undefined)
  const replaces = existing !== undefined && !(existing.isDirectory() && header.type === 'directory')
  if (replaces) await rm(path, { recursive: true, force: true })
  // Everything in the image belongs to the sandbox's user, so its own bits have to let that user read.
  const mode = (header.mode ?? 0o755) & 0o777
  switch (header.type) {
    case 'directory':
      await mkdir(path, { recursive: true })
      await chmod(path, mode | 0o700)
      return replaces
    case 'symlink':
      await symlink(header.linkname ?? '', path)
      return true
    case 'file':
    case 'contiguous-file':
      if ((header.size ?? 0) > wholeBytes) await pipeline(content, createWriteStream(path))
      else await writeFile(path, await whole(content))
      await chmod(path, mode | 0o400)
      return replaces
    default:
      // Devices and sockets: /dev is the container's own.
      if (root === path) throw new BrokenImage(`the layer has an entry ${header.type} at its root`)
      return replaces
  }
}

/** Files up to this size are written at once: an image has tens of thousands of small ones. */
const wholeBytes = 1 << 20

async function whole(content: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of content) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

/** `USER name` means whom the image's own /etc/passwd says. */
export async function userOf(
  image: PulledImage,
  user = image.config.User,
): Promise<{ readonly uid: number; readonly gid: number; readonly named: boolean }> {
  const [name = '', group = ''] = user.split(':')
  if (name === '') return { uid: 0, gid: 0, named: false }
  const lines = await readFile(join(image.root, 'etc/passwd'), 'utf8').catch(() => '')
  const entries = lines.split('\n').map(line => line.split(':'))
  const entry = entries.find(fields => fields[0] === name || fields[2] === name)
  const uid = /^\d+$/.test(name) ? Number(name) : Number(entry?.[2])
  if (Number.isNaN(uid))
    throw new BrokenImage(`unable to find user ${name}: no matching entries in passwd file`)
  const gid = /^\d+$/.test(group) ? Number(group) : Number(entry?.[3] ?? 0)
  return { uid, gid, named: !/^\d+$/.test(name) }
}
