import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import type { Io } from '../../../src/cli/io.ts'

const packageRoot = join(import.meta.dirname, '..', '..', '..')

/** An Io without a terminal whose output is kept. */
export function quietIo(cwd: string, env: Io['env'] = {}) {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const io: Io = {
    args: [],
    stdin: Readable.from([]),
    stdout,
    stderr,
    env: { HOME: cwd, PATH: process.env['PATH'], ...env },
    cwd,
    mlpPath: join(packageRoot, 'bin', 'mlp.js'),
    packageRoot,
    version: '0.0.0-test',
  }
  return { io, out: () => String(stdout.read() ?? ''), err: () => String(stderr.read() ?? '') }
}
