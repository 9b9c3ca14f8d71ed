import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { endLeftInstaller } from '../../../../src/tools/images/installer.ts'

let folder: string
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'mlp-installer-')))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function worker(name: string, title = 'npm') {
  const cwd = join(folder, name)
  await mkdir(cwd, { recursive: true })
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)', title], { cwd })
  await once(child, 'spawn')
  return child
}

test.skipIf(process.platform !== 'linux')(
  'what a killed mlp left at work in a folder ends, also where nobody wrote its pid down; others go on',
  async () => {
    const left = await worker('.building-a/stage')
    const neighbour = await worker('.building-ab/stage')
    const somebody = await worker('.building-a/stage', 'somebody')
    const ended = once(left, 'exit')
    await endLeftInstaller(join(folder, '.building-a'))
    expect(await ended).toEqual([null, 'SIGKILL'])
    for (const other of [neighbour, somebody]) {
      expect(other.exitCode ?? other.signalCode).toBeNull()
      other.kill('SIGKILL')
      await once(other, 'exit')
    }
  },
)
