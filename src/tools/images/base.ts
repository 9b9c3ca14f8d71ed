import { createHash } from 'node:crypto'
import { link, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { MlpError } from '../../engine/errors.ts'
import { type Crane, withCrane } from '../crane.ts'
import type { ExecContext } from '../exec.ts'
import { inTurn } from '../toolchain/turns.ts'
import { readBase, startLayout } from './layout.ts'
import { offlineBaseKey, offlineBaseName, offlineNodeVersion, writeOfflineBase } from './offline-base.ts'
import type { Platform } from './service-images.ts'
import { shareWork } from './shared-work.ts'

const answerTimeoutMs = 15_000
/** A registry that did not answer is left alone so long: three images have the same base. */
const askAgainMs = 600_000
const unanswered = new Map<string, number>()
const underWay = new Map<string, Promise<KeptBase>>()

const baseSchema = z.object({
  /** As the image's label has it. */
  name: z.string(),
  nodeVersion: z.string().optional(),
  environment: z.array(z.string()).readonly(),
  layers: z
    .array(z.object({ mediaType: z.string(), digest: z.string(), size: z.int(), diffId: z.string() }))
    .readonly(),
})
/** What an image stands on. */
type Base = z.output<typeof baseSchema>

interface BaseOptions {
  /** Absolute: finished bases are kept below it. */
  readonly cache: string
  readonly platform: Platform
  readonly crane: string
  readonly report: (message: string) => void
}

/**
 * Puts the layers of the Dockerfile's base into a layout's blobs; where its registry cannot be reached, those of a
 * base that is made here. The labels and the report say which. Either is fetched or made once, and kept.
 */
export async function layBase(
  context: ExecContext,
  reference: string,
  options: BaseOptions,
  blobs: string,
): Promise<Base> {
  const { cache, report } = options
  const bases = join(cache, 'bases')
  await mkdir(bases, { recursive: true, mode: 0o700 })
  const { folder, base } = await shareWork(
    underWay,
    `${bases} ${reference} ${options.platform}`,
    () => report('waits for its base'),
    () =>
      inTurn(
        join(cache, 'locks', 'base'),
        'fetching the images’ base',
        context.signal,
        holder => report(`waits for ${holder}`),
        async () =>
          (await pulledBase(context, reference, options, bases)) ??
          (await offlineBase(context, reference, options, bases)),
      ),
  )
  for (const digest of new Set(base.layers.map(layer => layer.digest))) {
    const blob = digest.slice('sha256:'.length)
    await link(join(folder, 'blobs', 'sha256', blob), join(blobs, blob))
  }
  return base
}

interface KeptBase {
  readonly folder: string
  readonly base: Base
}

async function pulledBase(
  context: ExecContext,
  reference: string,
  { crane: binary, platform, report }: BaseOptions,
  bases: string,
): Promise<KeptBase | undefined> {
  // By digest: what was fetched once needs no registry again.
  const digest = reference.slice(reference.lastIndexOf(':') + 1)
  const folder = join(bases, `${digest.slice(0, 32)}-${platform.replace('/', '-')}`)
  const kept = await readKept(folder)
  if (kept !== undefined) return { folder, base: kept }
  if (Date.now() - (unanswered.get(reference) ?? 0) < askAgainMs) return undefined
  return await withCrane(context, { binary, environment: {} }, async registry => {
    if (!(await answers(registry, reference))) {
      context.signal.throwIfAborted()
      unanswered.set(reference, Date.now())
      return undefined
    }
    report(`pulling ${reference}`)
    return await keep(bases, folder, async layout => {
      await registry.pullLayout(reference, layout, platform)
      return { ...(await readBase(layout)), name: reference }
    })
  })
}

async function offlineBase(
  context: ExecContext,
  reference: string,
  { report }: BaseOptions,
  bases: string,
): Promise<KeptBase> {
  const name = await offlineBaseName()
  const key = createHash('sha256')
    .update(await offlineBaseKey(context))
    .digest('hex')
  const folder = join(bases, `offline-${key.slice(0, 32)}`)
  const host = reference.slice(0, reference.indexOf('/'))
  report(`${host} cannot be reached; the base is made here (${name})`)
  const kept = await readKept(folder)
  if (kept !== undefined) return { folder, base: kept }
  return await keep(bases, folder, async (layout, scratch) => {
    const { blobs } = await startLayout(layout)
    return { ...(await writeOfflineBase(context, blobs, scratch)), name, nodeVersion: offlineNodeVersion }
  })
}

async function readKept(folder: string): Promise<Base | undefined> {
  try {
    return baseSchema.parse(JSON.parse(await readFile(join(folder, 'base.json'), 'utf8')))
  } catch {
    // Not there, or not whole: it is made.
    return undefined
  }
}

/** Makes a base beside the finished ones, and moves it into its place in one go. */
async function keep(
  bases: string,
  folder: string,
  make: (layout: string, scratch: string) => Promise<Base>,
): Promise<KeptBase> {
  const scratch = await mkdtemp(join(bases, '.making-'))
  try {
    const layout = join(scratch, 'layout')
    await mkdir(layout)
    const base = baseSchema.parse(await make(layout, scratch))
    await writeFile(join(layout, 'base.json'), JSON.stringify(base))
    await rm(folder, { recursive: true, force: true })
    await rename(layout, folder)
    return { folder, base }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Whether the base can be had; a registry that does not answer soon is one that cannot be reached. */
async function answers(registry: Crane, base: string): Promise<boolean> {
  const late = new Promise<undefined>(resolve => setTimeout(resolve, answerTimeoutMs, undefined).unref())
  try {
    return (await Promise.race([registry.digest(base), late])) !== undefined
  } catch (error) {
    if (error instanceof MlpError && error.code === 'MLP2202') return false
    throw error
  }
}
