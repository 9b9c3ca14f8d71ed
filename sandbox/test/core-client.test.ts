import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { runSandboxCommand, shellExports } from '../../src/cli/commands/sandbox.ts'
import type { Io } from '../../src/cli/io.ts'
import { ensureSandbox, removeSandbox, sandboxStatus, stopSandbox } from '../../src/cli/sandbox-client.ts'
import { MlpError } from '../../src/engine/errors.ts'
import { identify } from '../src/processes/process-identity.ts'
import { control, eventually, ready, spawnDaemon } from './core-daemon-process.ts'

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
  if (status === undefined || status === 'other code') throw new Error('this sandbox does not run')
  return status
}

async function run(
  action: 'start' | 'stop' | 'status' | 'env' | 'reset',
  options: { json?: boolean; yes?: boolean } = {},
) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const io: Io = {
    args: [],
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

test('a reset ends a daemon that is only starting: it neither serves nor leaves anything', async () => {
  const leaving = new AbortController()
  const starting = ensureSandbox({ home, signal: leaving.signal, report: () => undefined })
  const pids = await eventually('a daemon to start', async () => {
    const found = await daemonsOf(home)
    return found.length === 0 ? undefined : found
  })
  leaving.abort()
  await expect(starting).rejects.toThrow('aborted')
  await removeSandbox(home)
  for (const pid of pids)
    await eventually('the daemon to end', async () =>
      (await identify(pid)) === undefined ? true : undefined,
    )
  expect(existsSync(home)).toBe(false)
})

/** Processes that serve this home, or are about to. */
async function daemonsOf(folderOfDaemon: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const lines = await Promise.all(
    pids.map(async pid => [pid, await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')] as const),
  )
  return lines.flatMap(([pid, line]) => {
    const words = line.split('\0')
    return words.includes(folderOfDaemon) && words.includes('serve') ? [Number(pid)] : []
  })
}

describe('a daemon of other code', () => {
  const noted: string[] = []
  const replace = () => {
    noted.length = 0
    return ensureSandbox({
      home,
      signal: new AbortController().signal,
      report: message => noted.push(message),
    })
  }

  test('is replaced at once; its data, ports and processes stay', async () => {
    const old = spawnDaemon(home)
    const ended = once(old, 'exit')
    const before = await ready(home, old)
    const secrets = await readFile(join(home, 'secrets.json'), 'utf8')
    expect(await sandboxStatus(home)).toBe('other code')
    expect(await run('status')).toMatchObject({ stdout: expect.stringContaining('another version of mlp') })
    const target = await replace()
    expect(noted[0]).toMatch(/of another version of mlp and is replaced; its data and processes stay/)
    expect(await ended).toEqual([0, null])
    expect(Object.keys(target.clouds).sort()).toEqual(['aws', 'azure', 'gcp'])
    expect(await readFile(join(home, 'secrets.json'), 'utf8')).toBe(secrets)
    const now = await running()
    expect(now.pid).not.toBe(before.pid)
    const emulators = (of: typeof before | typeof now) =>
      of.processes
        .map(({ name, pid, port }) => ({ name, pid, port }))
        .sort((a, b) => a.name.localeCompare(b.name))
    expect(emulators(now)).toEqual(emulators(before))
    expect((await replace()).clouds).toEqual(target.clouds)
    expect(noted).toEqual([])
  })

  test('is waited for while a terraform uses it', async () => {
    const old = spawnDaemon(home)
    await ready(home, old)
    const { environment } = z
      .object({ environment: z.object({ TF_REATTACH_PROVIDERS: z.string() }) })
      .parse(await control(home, 'GET', '/target'))
    const [provider] = Object.values(reattach.parse(JSON.parse(environment.TF_REATTACH_PROVIDERS)))
    const terraform = connect(provider?.Addr.String ?? '')
    await once(terraform, 'connect')
    const replacing = replace()
    await eventually('the wait to be told', async () =>
      noted.find(line => line.includes('waiting for the terraform')),
    )
    expect(old.exitCode).toBeNull()
    terraform.destroy()
    await replacing
    expect(old.exitCode).toBe(0)
  })

  test('that cannot hand over is stopped', async () => {
    await mkdir(home)
    const socket = join(folder, 'old.sock')
    const asked: string[] = []
    const old = createHttpServer((request, response) => {
      asked.push(`${request.method} ${request.url}`)
      if (request.url === '/hand-over') response.writeHead(500).end('{"error":"there is no POST /hand-over"}')
      else response.end('{}')
      if (request.url === '/stop') void rm(join(home, 'daemon.json')).then(() => old.close())
    }).listen(socket)
    await once(old, 'listening')
    await writeFile(join(home, 'daemon.json'), JSON.stringify({ pid: 1, socket }))
    await replace()
    expect(asked.slice(0, 3)).toEqual(['GET /status', 'POST /hand-over', 'POST /stop'])
  })
})

const reattach = z.record(z.string(), z.object({ Addr: z.object({ String: z.string() }) }))

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

test('stop says whether there was anything to stop, whatever became of the file that names the daemon', async () => {
  expect(await stopSandbox(home)).toBe(false)
  await ensure()
  const { pid, processes } = await running()
  process.kill(pid, 'SIGKILL')
  await writeFile(join(home, 'daemon.json'), '{"socket":')
  await expect(sandboxStatus(home)).rejects.toMatchObject({ code: 'MLP5207' })
  expect(await stopSandbox(home)).toBe(true)
  for (const one of processes) expect(one.pid === null ? undefined : await identify(one.pid)).toBeUndefined()
  expect(await stopSandbox(home)).toBe(false)
  expect(await removeSandbox(home)).toBe(true)
  expect(await removeSandbox(home)).toBe(false)
})

test.each(['start', 'stop', 'status', 'env', 'reset'] as const)(
  '%s says what is wrong with a home that is no folder',
  async action => {
    await writeFile(home, '')
    await expect(run(action, { yes: true })).rejects.toMatchObject({ code: 'MLP5208' })
    await rm(home)
  },
)

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
  expect(await undocumented()).toEqual([])
  await expect(run('reset')).rejects.toMatchObject({
    exitCode: 5,
    remedy: [expect.stringContaining('--yes')],
  })
  expect(await sandboxStatus(home)).toBeDefined()
  expect(await run('reset', { yes: true })).toMatchObject({ exitCode: 0 })
  await expect(readFile(join(home, 'secrets.json'))).rejects.toThrow(/ENOENT/)
})

/** What a home holds and docs/sandbox.md does not name, or names in vain; clusters, pods, caches and repositories come with the first one. */
async function undocumented(): Promise<readonly string[]> {
  const page = await readFile(new URL('../../docs/sandbox.md', import.meta.url), 'utf8')
  const [rows = ''] = page.slice(page.indexOf('| path |')).split('\n\n')
  const named = [...rows.matchAll(/`([\w.-]+)\/?`/g)].map(([, name = '']) => name)
  const there = (await readdir(home)).map(name => name.replace(/-(journal|wal|shm)$/, ''))
  return [
    ...there.filter(name => !named.includes(name)),
    ...named.filter(
      name => !there.includes(name) && !['clusters', 'workloads', 'caches', 'github', 'mlp'].includes(name),
    ),
  ]
}

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
