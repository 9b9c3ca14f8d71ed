import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
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

let own: string | undefined

/** A hash of the sandbox's sources: the same for the same code, wherever it is installed. Taken once a process. */
export function sandboxCode(): string {
  own ??= hashSources()
  return own
}

/** Read synchronously: some hundred small files, and each of them would cost a promise's way four times. */
function hashSources(): string {
  const root = installation()
  const hash = createHash('sha256')
  for (const file of parts.flatMap(part => filesIn(root, part))) {
    const content = readFileSync(join(root, file))
    hash.update(`${file}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex').slice(0, 16)
}

function filesIn(root: string, part: string): readonly string[] {
  if (!statSync(join(root, part)).isDirectory()) return [part]
  return readdirSync(join(root, part), { recursive: true, withFileTypes: true })
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
