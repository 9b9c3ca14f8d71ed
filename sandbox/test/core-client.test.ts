import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { runSandboxCommand, shellExports } from '../../src/cli/commands/sandbox.ts'
import type { Io } from '../../src/cli/io.ts'
import { ensureSandbox, removeSandbox, sandboxStatus, stopSandbox } from '../../src/cli/sandbox-client.ts'
import { MlpError } from '../../src/engine/errors.ts'
import { identify } from '../src/processes/process-identity.ts'

let folder: string
let home: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-client-'))
  home = join(folder, 'home')
})
afterEach(async () => {
  await removeSandbox(home)
  await rm(folder, { recursive: true })
})

const ensure = () => ensureSandbox({ home, signal: new AbortController().signal, report: () => undefined })

async function running() {
  const status = await sandboxStatus(home)
  if (status === undefined) throw new Error('the sandbox does not run')
  return status
}

async function run(
  action: 'start' | 'stop' | 'status' | 'env' | 'reset',
  options: { json?: boolean; yes?: boolean } = {},
) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const io: Io = {
    stdin: new PassThrough(),
    stdout,
    stderr,
    env: { MLP_SANDBOX_HOME: home },
    cwd: folder,
    mlpPath: '',
    packageRoot: '',
    version: '',
  }
  const common = { json: false, yes: false, quiet: false, verbose: false, ...options }
  const exitCode = await runSandboxCommand({ ...common, action }, io)
  return { exitCode, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') }
}

test('two that start it at once get the same sandbox, and a killed one comes back the same', async () => {
  const [one, two] = await Promise.all([ensure(), ensure()])
  expect(one).toEqual(two)
  expect(Object.keys(one.clouds).sort()).toEqual(['aws', 'azure', 'gcp'])
  const before = await running()
  process.kill(before.pid, 'SIGKILL')
  const again = await ensure()
  expect(again.clouds).toEqual(one.clouds)
  expect((await running()).pid).not.toBe(before.pid)
})

test('stop ends what a killed daemon left running, and is no error when nothing runs', async () => {
  await ensure()
  const before = await running()
  process.kill(before.pid, 'SIGKILL')
  await stopSandbox(home)
  expect(before.processes.length).toBeGreaterThan(0)
  for (const { pid } of before.processes)
    expect(pid === null ? undefined : await identify(pid)).toBeUndefined()
  await stopSandbox(home)
})

test('a port that another program took is reported with the part that needs it', async () => {
  await ensure()
  await stopSandbox(home)
  const { s3 } = z.object({ s3: z.int() }).parse(JSON.parse(await readFile(join(home, 'ports.json'), 'utf8')))
  const thief = createServer().listen(s3, '127.0.0.1')
  await once(thief, 'listening')
  try {
    const failure = await ensure().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(MlpError)
    expect(failure).toMatchObject({ code: 'MLP5202', detail: expect.stringContaining('emulators/s3') })
  } finally {
    thief.close()
  }
  await once(thief, 'close')
  await ensure()
})

test('a damaged home is reported in words and repaired by nobody', async () => {
  await ensure()
  await stopSandbox(home)
  await writeFile(join(home, 'ports.json'), '{"aws":')
  const failure = await ensure().catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'MLP5201' })
  expect(failure instanceof MlpError ? failure.detail : '').not.toContain(' at ')
  expect(await readFile(join(home, 'ports.json'), 'utf8')).toBe('{"aws":')
})

test('the commands: status before and after, env for eval, reset only when agreed', async () => {
  expect(await run('status')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('not running') })
  const env = await run('env')
  const { stdout } = await promisify(execFile)('bash', ['-c', `${env.stdout}\nprintf %s "$AWS_ENDPOINT_URL"`])
  expect(stdout).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
  const shown = await run('status')
  expect(shown.stdout).toMatch(/emulators\/s3\s+running/)
  expect(shown.stdout).toMatch(/Simulated/)
  expect(JSON.parse((await run('status', { json: true })).stdout)).toMatchObject({
    schemaVersion: 1,
    running: true,
    home,
  })
  await expect(run('reset')).rejects.toMatchObject({
    exitCode: 5,
    remedy: [expect.stringContaining('--yes')],
  })
  expect(await sandboxStatus(home)).toBeDefined()
  expect(await run('reset', { yes: true })).toMatchObject({ exitCode: 0 })
  await expect(readFile(join(home, 'secrets.json'))).rejects.toThrow(/ENOENT/)
})

test('every value survives eval unchanged', async () => {
  const value = fc
    .string({ unit: 'binary', maxLength: 40 })
    .filter(text => !text.includes('\0') && text.isWellFormed())
  await fc.assert(
    fc.asyncProperty(value, async text => {
      const script = `${shellExports({ A_VALUE: text, GONE: null })}printf '%s|%s.' "$A_VALUE" "\${GONE-unset}"`
      const { stdout } = await promisify(execFile)('bash', ['-c', script], {
        env: { PATH: process.env['PATH'], GONE: 'x' },
      })
      expect(stdout).toBe(`${text}|unset.`)
    }),
    { numRuns: 40 },
  )
  expect(() => shellExports({ 'A;rm': 'x' })).toThrow()
})
