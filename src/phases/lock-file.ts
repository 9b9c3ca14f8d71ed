import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import type { CloudName } from '../clouds/cloud.ts'
import type { EnvironmentName } from '../config/schema.ts'
import { MlpError } from '../engine/errors.ts'
import { parseJson } from '../engine/json.ts'

export const lockFileName = 'mlp.lock'

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/)
const lockSchema = z.looseObject({
  lockVersion: z.literal(1),
  /** The mlp that the pipeline runs. */
  mlp: z.string(),
  /** By environment and cloud: the image of each service that is wanted there. */
  images: z
    .partialRecord(
      z.enum(['dev', 'staging', 'prod']),
      z.partialRecord(z.enum(['aws', 'gcp', 'azure']), z.record(z.string(), digest)),
    )
    .optional(),
})
export type LockFile = z.output<typeof lockSchema>
/** By service. */
export type Digests = Readonly<Record<string, string>>

/** The platform's mlp.lock; undefined where it has none. Throws MLP5311 (exit 2) when it cannot be understood. */
export async function readLockFile(platformFolder: string): Promise<LockFile | undefined> {
  const file = join(platformFolder, lockFileName)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch {
    return undefined
  }
  return parseLock(text, file)
}

export function parseLock(text: string, place: string): LockFile {
  const parsed = lockSchema.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  throw new MlpError({
    code: 'MLP5311',
    summary: `${place} cannot be understood`,
    detail: z.prettifyError(parsed.error),
    remedy: ['Take it from the last commit that had it right: git checkout HEAD -- mlp.lock'],
  })
}

export function lockText(lock: LockFile): string {
  return `${JSON.stringify(lock, null, 2)}\n`
}

export function wantedImages(
  lock: LockFile | undefined,
  environment: EnvironmentName,
  cloud: CloudName,
): Digests | undefined {
  return lock?.images?.[environment]?.[cloud]
}

/** The same with what is wanted now; of other environments and clouds it says what it said. */
export function withImages(
  lock: LockFile,
  environment: EnvironmentName,
  images: Readonly<Partial<Record<CloudName, Digests>>>,
): LockFile {
  const before = lock.images ?? {}
  return { ...lock, images: { ...before, [environment]: { ...before[environment], ...images } } }
}

/** Whether version `a` was released before `b`; of what is no version it says no. */
export function isOlder(a: string, b: string): boolean {
  const [x, y] = [a, b].map(text => /^(\d+)\.(\d+)\.(\d+)/.exec(text)?.slice(1).map(Number))
  if (x === undefined || y === undefined) return false
  const at = x.findIndex((part, index) => part !== y[index])
  return at >= 0 && (x[at] ?? 0) < (y[at] ?? 0)
}
