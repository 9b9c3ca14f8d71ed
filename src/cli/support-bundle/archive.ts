import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { pack } from 'tar-stream'
import { makeFolder } from '../../engine/atomic-file.ts'

/** A gzipped tar of texts, for this user only; nobody finds half of one under its name. */
export async function writeArchive(
  file: string,
  texts: readonly (readonly [name: string, text: string])[],
): Promise<void> {
  await makeFolder(dirname(file))
  const temporary = `${file}.${process.pid}.tmp`
  const archive = pack()
  const mtime = new Date()
  for (const [name, text] of texts) archive.entry({ name, mtime, mode: 0o600 }, text)
  archive.finalize()
  try {
    await pipeline(archive, createGzip(), createWriteStream(temporary, { mode: 0o600 }))
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
