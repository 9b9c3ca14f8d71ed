import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, readFileSync } from 'node:fs'
import { rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { type Pack, pack } from 'tar-stream'
import { listTree } from './tree.ts'

/** A blob in a layout, as a manifest refers to it. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

export interface Layer extends Descriptor {
  /** Of the tar before compression, which is what the image's configuration lists. */
  readonly diffId: string
}

/** Where a folder, or a part of it, stands in the image. */
export interface LayerSource {
  readonly folder: string
  /** Without a leading `/`; '' is the root. */
  readonly at: string
  readonly keep?: (path: string) => boolean
  /** Instead of 0755 for folders and what is executable, 0644 for the rest. */
  readonly modes?: Readonly<Record<string, number>>
}

/** Files up to this size are read at once: most are small, and a stream for each costs more than its content. */
const wholeBytes = 1 << 20
const layerMediaType = 'application/vnd.oci.image.layer.v1.tar+gzip'

/**
 * Writes one layer into the layout's blobs: entries in one order, root's, without times or modes of this machine, so
 * that the same content has the same digest wherever the same Node (and so the same zlib) runs.
 */
export async function writeLayer(blobs: string, sources: readonly LayerSource[]): Promise<Layer> {
  const temporary = join(blobs, `.layer-${process.pid}-${Math.random().toString(36).slice(2)}`)
  const archive = pack()
  const tarHash = createHash('sha256')
  const gzipHash = createHash('sha256')
  const written = pipeline(
    archive,
    tap(chunk => tarHash.update(chunk)),
    // Level 6, no name, no time: Node writes zeros into the header.
    createGzip({ level: 6 }),
    tap(chunk => gzipHash.update(chunk)),
    createWriteStream(temporary, { mode: 0o644 }),
  )
  await Promise.all([written, fill(archive, sources)])
  const digest = gzipHash.digest('hex')
  const { size } = await stat(temporary)
  await rename(temporary, join(blobs, digest))
  return {
    mediaType: layerMediaType,
    digest: `sha256:${digest}`,
    size,
    diffId: `sha256:${tarHash.digest('hex')}`,
  }
}

async function fill(archive: Pack, sources: readonly LayerSource[]): Promise<void> {
  const folders = new Set<string>()
  const addFolder = (name: string, mode = 0o755) => {
    if (folders.has(name)) return
    folders.add(name)
    archive.entry({ ...plain(name), type: 'directory', mode })
  }
  try {
    for (const { folder, at, keep, modes = {} } of sources) {
      for (const name of ancestors(at)) addFolder(name)
      for (const entry of listTree(folder, keep)) {
        const name = at === '' ? entry.path : `${at}/${entry.path}`
        const mode = modes[entry.path]
        if (entry.kind === 'folder') addFolder(name, mode)
        else if (entry.kind === 'link') {
          archive.entry({ ...plain(name), type: 'symlink', linkname: entry.target, mode: 0o777 })
        } else {
          const path = join(folder, entry.path)
          const { size } = entry
          const header = { ...plain(name), size, mode: mode ?? (entry.executable ? 0o755 : 0o644) }
          await new Promise<void>((resolve, reject) => {
            const done = (error?: Error | null) => (error ? reject(error) : resolve())
            if (size <= wholeBytes) archive.entry(header, readFileSync(path), done)
            else pipeline(createReadStream(path), archive.entry(header, done)).catch(reject)
          })
        }
      }
    }
    archive.finalize()
  } catch (error) {
    archive.destroy(error instanceof Error ? error : new Error(String(error)))
    throw error
  }
}

function plain(name: string) {
  return { name, mtime: new Date(0), uid: 0, gid: 0 }
}

/** `a/b/c`: a, a/b, a/b/c. */
function ancestors(path: string): readonly string[] {
  const parts = path.split('/').filter(part => part !== '')
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}

function tap(look: (chunk: Buffer) => void): PassThrough {
  return new PassThrough({
    transform(chunk: Buffer, _encoding, done) {
      look(chunk)
      done(null, chunk)
    },
  })
}
