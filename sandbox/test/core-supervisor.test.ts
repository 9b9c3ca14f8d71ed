import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ProcessSpec } from '../src/kubernetes/process-supervisor.ts'
import { identify, residentBytes } from '../src/processes/process-identity.ts'
import { openSupervisor, type Supervisor } from '../src/processes/supervisor.ts'
import { eventually } from './core-daemon-process.ts'

let folder: string
let open: Supervisor[]
const lines: string[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-processes-'))
  open = []
})
afterEach(async () => {
  const last = await supervisor()
  await last.stopAll()
  for (const one of open) one.detach()
  await rm(folder, { recursive: true })
})

async function supervisor(): Promise<Supervisor> {
  const made = await openSupervisor(join(folder, 'records'), line => lines.push(line))
  open.push(made)
  return made
}

function program(script: string, env: Record<string, string> = {}): ProcessSpec {
  return {
    name: 'group/one',
    file: process.execPath,
    args: ['-e', script],
    env,
    cwd: folder,
    logFile: join(folder, 'log', 'one.log'),
  }
}
const forever = 'setInterval(() => {}, 1000)'

async function runningPid(from: Supervisor): Promise<number> {
  const pid = from.pid('group/one')
  if (pid === undefined) throw new Error('it does not run')
  expect(await identify(pid)).toBeDefined()
  return pid
}

test('the same specification is kept, by this supervisor and by the next one', async () => {
  const first = await supervisor()
  await first.ensure(program(forever))
  const pid = await runningPid(first)
  await first.ensure(program(forever))
  expect(await runningPid(first)).toBe(pid)
  first.detach()
  const second = await supervisor()
  await second.ensure(program(forever))
  expect(await runningPid(second)).toBe(pid)
  expect(await residentBytes(pid)).toBeGreaterThan(1 << 20)
})

test('another specification replaces what an earlier supervisor started', async () => {
  const first = await supervisor()
  await first.ensure(program(forever))
  const before = await runningPid(first)
  first.detach()
  const second = await supervisor()
  await second.ensure(program(forever, { CHANGED: 'yes' }))
  expect(await runningPid(second)).not.toBe(before)
  expect(await identify(before)).toBeUndefined()
})

test('a recorded process id that belongs to another program now is neither adopted nor ended', async () => {
  const first = await supervisor()
  await first.ensure(program(forever))
  const pid = await runningPid(first)
  first.detach()
  process.kill(pid, 'SIGKILL')
  const file = join(folder, 'records', 'group~one.json')
  const record: unknown = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, JSON.stringify({ ...Object(record), pid: process.pid }))
  const second = await supervisor()
  await second.ensure(program(forever))
  expect(await runningPid(second)).not.toBe(process.pid)
  await second.stop('group/one')
})

test('an adopted process that dies is started again', async () => {
  const first = await supervisor()
  await first.ensure(program(forever))
  const before = await runningPid(first)
  first.detach()
  const second = await supervisor()
  await second.ensure(program(forever))
  process.kill(before, 'SIGKILL')
  await eventually('a restart', async () => {
    const pid = second.pid('group/one')
    return pid !== undefined && pid !== before ? pid : undefined
  })
})

test('a program that cannot start stays down after five tries and says so', async () => {
  const one = await supervisor()
  await one.ensure(program('console.error("no disk"); process.exit(1)'))
  await eventually('giving up', async () => (one.list()[0]?.state === 'failed' ? true : undefined))
  const output = await readFile(join(folder, 'log', 'one.log'), 'utf8')
  expect(output.match(/no disk/g)).toHaveLength(6)
  expect(lines.join('\n')).toMatch(/stays down/)
})

test('a program that does not listen to SIGTERM is killed after the deadline', async () => {
  const one = await supervisor()
  await one.ensure(program(`process.on('SIGTERM', () => {}); console.log('up'); ${forever}`))
  const pid = await runningPid(one)
  await eventually('its handler', async () =>
    (await readFile(join(folder, 'log', 'one.log'), 'utf8')).includes('up') ? true : undefined,
  )
  await one.stop('group/one')
  expect(await identify(pid)).toBeUndefined()
  expect(one.pid('group/one')).toBeUndefined()
})
