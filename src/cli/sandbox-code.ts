import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MlpError } from '../engine/errors.ts'

/** What the daemon is made of; a change in any of it makes a running daemon one of other code. */
const parts = [
  'package.json',
  'sandbox/package.json',
  'sandbox/src',
  'src/engine',
  'src/tools',
  'toolchain/versions.json',
]

/** The sandbox is a program beside mlp, not a part of it: it is found, never imported. */
export function daemonProgram(): string {
  return join(installation(), 'sandbox', 'src', 'main.ts')
}

let own: Promise<string> | undefined

/** A hash of the sandbox's sources: the same for the same code, wherever it is installed. Taken once a process. */
export function sandboxCode(): Promise<string> {
  own ??= hashSources()
  return own
}

async function hashSources(): Promise<string> {
  const root = installation()
  const files = (await Promise.all(parts.map(part => filesIn(root, part)))).flat()
  const contents = await Promise.all(files.map(file => readFile(join(root, file))))
  const hash = createHash('sha256')
  files.forEach((file, index) => {
    hash.update(`${file}\0${contents[index]?.length}\0`).update(contents[index] ?? '')
  })
  return hash.digest('hex').slice(0, 16)
}

async function filesIn(root: string, part: string): Promise<readonly string[]> {
  const entries = await readdir(join(root, part), { recursive: true, withFileTypes: true }).catch(
    (error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return undefined
      throw error
    },
  )
  if (entries === undefined) return [part]
  return entries
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort()
}

function installation(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'sandbox', 'src', 'main.ts'))) return folder
    if (folder === dirname(folder)) break
  }
  throw new MlpError({
    code: 'MLP5200',
    summary: 'the sandbox is not part of this installation',
    remedy: ['install mlp again, whole', 'or choose real clouds: --target cloud'],
  })
}
