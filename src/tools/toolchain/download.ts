import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { copyFile, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder, systemErrorCode } from '../../engine/atomic-file.ts'
import { MlpError } from '../../engine/errors.ts'
import { extract } from './archive.ts'
import { unwritable } from './cache.ts'
import type { Download } from './versions.ts'

export interface DownloadOptions {
  /** Where what has come so far is kept, so that the next try goes on from there. */
  readonly folder: string
  readonly signal: AbortSignal
  readonly onProgress: (message: string, fraction?: number) => void
  /** Without a byte for so long, the connection counts as dead. Default 30 s. */
  readonly silenceMs?: number
}

const attempts = 3

/**
 * Downloads a release file, checks its sha256, and writes the binary in it to `file`. What was interrupted is
 * resumed. Network errors and 5xx are tried again, three times in all. Throws MlpError MLP2012 when the file cannot
 * be had and MLP2013 when it is not what was pinned; a file that is not is removed.
 */
export async function download(wanted: Download, file: string, options: DownloadOptions): Promise<void> {
  const part = join(options.folder, `.part-${wanted.sha256.slice(0, 16)}`)
  await makeFolder(options.folder)
  await fetchWhole(wanted.url, part, options)
  const found = await sha256Of(part)
  if (found !== wanted.sha256) {
    await rm(part, { force: true })
    throw mismatch(wanted, found)
  }
  await unpack(wanted, part, file)
  await rm(part, { force: true })
}

async function fetchWhole(url: string, part: string, options: DownloadOptions): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    options.signal.throwIfAborted()
    try {
      await fetchRest(url, part, options)
      return
    } catch (error) {
      options.signal.throwIfAborted()
      if (unwritable(error, options.folder) !== undefined) {
        // Half a file only keeps a full disk full.
        await rm(part, { force: true })
        throw error
      }
      if (attempt === attempts || isFinal(error)) throw unreachable(url, error)
      const waitMs = 500 * 2 ** attempt * (0.5 + Math.random())
      options.onProgress(`the connection broke (${reasonOf(error)}); trying again`)
      await sleep(waitMs, undefined, { signal: options.signal })
    }
  }
}

/** The server answered, and will answer the same again. */
class Refused extends Error {}

/** A name that does not exist (a machine without the internet) will not exist in a second either. */
function isFinal(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return error instanceof Refused || systemErrorCode(cause) === 'ENOTFOUND'
}

async function fetchRest(url: string, part: string, options: DownloadOptions): Promise<void> {
  const haveBytes = await sizeOf(part)
  const silence = new AbortController()
  const silenceMs = options.silenceMs ?? 30_000
  const timer = setTimeout(() => silence.abort(new Error(`no answer for ${silenceMs / 1000} s`)), silenceMs)
  try {
    const response = await fetch(url, {
      headers: haveBytes === 0 ? {} : { range: `bytes=${haveBytes}-` },
      signal: AbortSignal.any([options.signal, silence.signal]),
    })
    // What is there is already all of it.
    if (response.status === 416 && haveBytes > 0) return await response.body?.cancel()
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      const text = `${new URL(url).host} answered ${response.status}`
      throw response.status >= 500 || response.status === 429 ? new Error(text) : new Refused(text)
    }
    const resumed = response.status === 206
    const length = Number(response.headers.get('content-length') ?? Number.NaN)
    let doneBytes = resumed ? haveBytes : 0
    const allBytes = length + doneBytes
    const source = Readable.fromWeb(response.body).on('data', (chunk: Buffer) => {
      timer.refresh()
      doneBytes += chunk.length
      options.onProgress(
        `downloading, ${megabytes(doneBytes)}`,
        Number.isNaN(allBytes) ? undefined : doneBytes / allBytes,
      )
    })
    await pipeline(source, createWriteStream(part, { flags: resumed ? 'a' : 'w', mode: 0o600 }))
  } finally {
    clearTimeout(timer)
  }
}

async function unpack(wanted: Download, part: string, file: string): Promise<void> {
  if (wanted.member === undefined) return await copyFile(part, file)
  const format = wanted.url.endsWith('.zip') ? 'zip' : 'tar.gz'
  const binary = await extract(await readFile(part), format, wanted.member)
  if (binary === undefined)
    throw new Error(`toolchain/versions.json: ${wanted.url} holds no ${wanted.member}`)
  await makeFolder(dirname(file))
  await writeFile(file, binary)
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return 0
    throw error
  }
}

function mismatch({ url, sha256 }: Download, found: string): MlpError {
  return new MlpError({
    code: 'MLP2013',
    summary: `${url} is not the file that mlp pins; it was removed`,
    detail: `sha256 wanted ${sha256}\nsha256 found  ${found}`,
    remedy: [
      'Run the same command again: a proxy may have answered in the place of the server.',
      'If it repeats, do not use that file: tell the maintainers of mlp, and install the tool yourself.',
    ],
  })
}

function unreachable(url: string, error: unknown): MlpError {
  return new MlpError({
    code: 'MLP2012',
    summary: `${url} could not be downloaded`,
    detail: reasonOf(error),
    remedy: [
      `See whether this machine reaches it: curl -fI ${url}`,
      'Or install the tool yourself and put it on PATH; `mlp doctor` says which version.',
    ],
    cause: error,
  })
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // fetch itself only says "fetch failed"; its cause says why.
  return error.cause instanceof Error ? error.cause.message : error.message
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}
