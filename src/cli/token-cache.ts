import { createHash, randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as z from 'zod'
import { makeFolder } from '../engine/atomic-file.ts'

const tokenSchema = z.object({ token: z.string().min(1), expiresAt: z.iso.datetime() })
type Token = z.infer<typeof tokenSchema>

/** A cached token is not used in its last two minutes, so that it outlives the command it is for. */
const reserveMs = 120_000
/** Variables that decide as whom one speaks to a cloud. */
const identityVariable = /^(AWS|GOOGLE|CLOUDSDK|AZURE|ARM|MLP)_/

/** Everything that makes a token another one. */
export interface TokenKey {
  readonly cloud: string
  readonly cluster: string
  /** As on the command line: configuration, environment, target. */
  readonly selection: readonly (string | undefined)[]
  readonly environment: Readonly<Record<string, string | undefined>>
  /** KUBERNETES_EXEC_INFO: the server and authority that kubectl wants the token for. */
  readonly execInfo: string | undefined
}

/** Where a token is kept; the name tells nothing but the cluster's, credentials enter as a hash. */
export function tokenFile(folder: string, key: TokenKey): string {
  const identity = Object.entries(key.environment)
    .filter(([name, value]) => identityVariable.test(name) && value !== undefined)
    .sort()
  const hash = createHash('sha256')
    .update(JSON.stringify([key.cloud, key.cluster, key.selection, identity, key.execInfo]))
    .digest('hex')
  return join(folder, `${key.cloud}-${hash.slice(0, 24)}.json`)
}

/** A kept token that lasts for more than two minutes; undefined also for a damaged file, which the next write replaces. */
export async function readToken(file: string, nowMs: number): Promise<Token | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  const parsed = z
    .string()
    .transform((value, context) => {
      try {
        return JSON.parse(value)
      } catch {
        context.addIssue('not JSON')
        return z.NEVER
      }
    })
    .pipe(tokenSchema)
    .safeParse(text)
  return parsed.success && Date.parse(parsed.data.expiresAt) - nowMs > reserveMs ? parsed.data : undefined
}

/** Kept for this user only, written through a rename. */
export async function writeToken(file: string, token: Token): Promise<void> {
  await makeFolder(dirname(file))
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`
  await writeFile(temporary, JSON.stringify(token), { mode: 0o600 })
  await rename(temporary, file)
}
