import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ObjectBytes } from './stores/object.ts'

/** A model file on this machine's disk whose content has been checked. */
export interface VerifiedFile {
  readonly path: string
  readonly sha256: string
}

/** Reads a file and says what it is. Throws if that is not what it should be. */
export async function verifyFile(path: string, expected: string | undefined): Promise<VerifiedFile> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  const sha256 = hash.digest('hex')
  if (expected !== undefined && sha256 !== expected) throw new DigestMismatch(path, expected, sha256)
  return { path, sha256 }
}

/**
 * The file with this digest from the cache folder, or else from `download`, after which it is in the cache. A cached
 * file that was changed or cut short is fetched again. A file appears in the cache only whole and verified.
 */
export async function fetchVerified(
  folder: string,
  expected: string | undefined,
  download: () => Promise<ObjectBytes>,
): Promise<VerifiedFile> {
  if (expected !== undefined) {
    try {
      return await verifyFile(join(folder, expected), expected)
    } catch (error) {
      const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT'
      if (!isAbsent && !(error instanceof DigestMismatch)) throw error
    }
  }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const partial = join(folder, `.partial-${randomUUID()}`)
  try {
    const sha256 = await write(partial, await download())
    if (expected !== undefined && sha256 !== expected)
      throw new DigestMismatch('what was fetched', expected, sha256)
    const path = join(folder, sha256)
    await rename(partial, path)
    return { path, sha256 }
  } finally {
    await rm(partial, { force: true })
  }
}

async function write(path: string, bytes: ObjectBytes): Promise<string> {
  const hash = createHash('sha256')
  const file = await open(path, 'wx', 0o600)
  try {
    for await (const chunk of bytes) {
      hash.update(chunk)
      await file.writeFile(chunk)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return hash.digest('hex')
}

class DigestMismatch extends Error {
  constructor(what: string, expected: string, found: string) {
    super(`${what} has the SHA-256 ${found}, but ${expected} was expected`)
    this.name = 'DigestMismatch'
  }
}
