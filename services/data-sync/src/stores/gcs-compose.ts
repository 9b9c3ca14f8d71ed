import * as z from 'zod'
import { combineCrc32c } from '../copy/crc32c-combine.ts'
import { crc32cText } from '../copy/digests.ts'
import { type GcsClient, pathOf } from './gcs-client.ts'
import type { Attributes, Part } from './store.ts'
import { mustHold } from './store-error.ts'

/** https://cloud.google.com/storage/docs/composite-objects: the most sources of one composition. */
const mostSources = 32

export interface Composition {
  readonly bucket: string
  /** Of the scratch objects, ending in a slash. */
  readonly folder: string
  readonly name: string
  readonly parts: readonly Part[]
  readonly resource: Attributes
}

interface Piece {
  readonly name: string
  readonly generation: string
  readonly bytes: number
  readonly crc32c: number
}

const composedSchema = z.object({ generation: z.coerce.string(), crc32c: z.string().optional() })

/**
 * Composes parts into one object: by 32 into larger pieces until at most 32 are left, and those into the object. Every
 * piece is pinned by its generation and verified before the object appears.
 */
export async function composeParts(
  client: GcsClient,
  { bucket, folder, name, parts, resource }: Composition,
  signal: AbortSignal,
): Promise<void> {
  let pieces: readonly Piece[] = parts.map(part => ({
    name: `${folder}${String(part.number).padStart(6, '0')}`,
    generation: part.receipt,
    bytes: part.bytes,
    crc32c: part.crc32c,
  }))
  for (let level = 1; pieces.length > mostSources; level++) {
    const larger: Piece[] = []
    for (let at = 0; at < pieces.length; at += mostSources) {
      const some = pieces.slice(at, at + mostSources)
      const target = `${folder}level-${level}-${larger.length}`
      larger.push(await compose(client, bucket, target, some, { metadata: {} }, signal))
    }
    pieces = larger
  }
  await compose(client, bucket, name, pieces, resource, signal)
}

async function compose(
  client: GcsClient,
  bucket: string,
  name: string,
  pieces: readonly Piece[],
  resource: Attributes,
  signal: AbortSignal,
): Promise<Piece> {
  const crc32c = pieces.reduce((sum, piece) => combineCrc32c(sum, piece.crc32c, piece.bytes), 0)
  const body = {
    sourceObjects: pieces.map(({ name, generation }) => ({ name, generation })),
    destination: { contentType: 'application/octet-stream', ...resource },
  }
  const what = `compose ${name}`
  const call = {
    method: 'POST' as const,
    path: `${pathOf(bucket, name)}/compose`,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(body)),
    signal,
  }
  const made = await client.json(what, call, composedSchema)
  mustHold(what, crc32cText(crc32c), made.crc32c)
  const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0)
  return { name, generation: made.generation, bytes, crc32c }
}
