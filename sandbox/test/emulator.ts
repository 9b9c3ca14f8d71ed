import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '../../test/support/processes.ts'
import { program } from '../../test/support/programs.ts'
import { findFreePorts } from '../src/kubernetes/ports.ts'

export interface Emulator {
  readonly url: string
  close(): Promise<void>
}

/** An object store's data plane for one test, built first where needed; ready when this returns. */
export async function startEmulator(options: {
  readonly tool: 'versitygw' | 'fake-gcs-server'
  readonly args: (port: number, folder: string) => readonly string[]
  readonly env?: Readonly<Record<string, string>>
}): Promise<Emulator> {
  const folder = await mkdtemp(join(tmpdir(), 'mlp-objects-'))
  const [port = 0] = await findFreePorts(1, new Set())
  const child = spawn(await program(options.tool), [...options.args(port, folder)], {
    stdio: 'ignore',
    env: { ...process.env, ...options.env },
  })
  const ended = once(child, 'exit')
  const url = `http://127.0.0.1:${port}`
  await eventually(`${options.tool} to answer`, () => {
    if (child.exitCode !== null) throw new Error(`${options.tool} ended with ${child.exitCode}`)
    return fetch(url).then(
      () => true as const,
      () => undefined,
    )
  })
  return {
    url,
    async close() {
      child.kill('SIGTERM')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}
