import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { isAliveHere, isDead, isDeadHere, newHolder } from '../../../src/engine/lease-holder.ts'
import { acquireLease, breakLease, readLease } from '../../../src/engine/lock.ts'
import { temporaryFolder } from './support.ts'

const command = 'mlp bootstrap --yes'

async function lockFile(): Promise<string> {
  return join(await temporaryFolder(), 'platform', 'lock.json')
}

test('a second run is told who holds the lock, where, since when, at which step, and how to remove it', async () => {
  const file = await lockFile()
  await using lease = await acquireLease({ file, command })
  await lease.working('1.aws.apply-cluster')
  const refused = await acquireLease({ file, command }).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'MLP5220', exitCode: 6 })
  const said = JSON.stringify([
    refused instanceof Error && refused.message,
    (refused as { detail?: string }).detail,
    (refused as { remedy?: string[] }).remedy,
  ])
  for (const part of [
    userInfo().username,
    hostname(),
    String(process.pid),
    command,
    '1.aws.apply-cluster',
    `mlp unlock ${lease.holder.id}`,
  ]) {
    expect(said).toContain(part)
  }
  expect(said).toMatch(/since \d{4}-\d\d-\d\dT.*\(0 s ago\)/)
})

test('released, it is free; the fencing number grows with every holder', async () => {
  const file = await lockFile()
  const fences: number[] = []
  for (let round = 0; round < 3; round++) {
    const lease = await acquireLease({ file, command })
    fences.push(lease.fence)
    expect(lease.notice).toBeUndefined()
    await lease.release()
    await lease.release()
    expect(await readLease(file)).toBeUndefined()
  }
  expect(fences).toEqual([1, 2, 3])
  expect(await readdir(join(file, '..')), 'old claims are removed').toEqual(['lock.json.3'])
})

test('the lock is private and its folder too', async () => {
  const file = await lockFile()
  await using _lease = await acquireLease({ file, command })
  expect((await stat(`${file}.1`)).mode & 0o777).toBe(0o600)
  expect((await stat(join(file, '..'))).mode & 0o777).toBe(0o700)
})

describe('a holder that is gone', () => {
  async function heldBy(change: object): Promise<string> {
    const file = await lockFile()
    const lease = await acquireLease({ file, command })
    const claim: object = JSON.parse(await readFile(`${file}.1`, 'utf8'))
    await lease.release()
    await writeFile(`${file}.1`, JSON.stringify({ ...claim, released: false, ...change }))
    return file
  }

  test('its pid belongs to a process that began at another time: taken over, and said so', async () => {
    const file = await heldBy({ processStartedAt: 'another time' })
    await using lease = await acquireLease({ file, command })
    expect(lease.notice).toMatch(/took over the lock of .*no longer running/)
    expect(lease.fence).toBe(2)
  })

  test('on another host it may live: never taken over', async () => {
    const file = await heldBy({ host: 'elsewhere', processStartedAt: 'another time' })
    const refused = await acquireLease({ file, command }).catch((error: unknown) => error)
    expect(refused).toMatchObject({
      code: 'MLP5220',
      remedy: [expect.anything(), expect.stringContaining('on elsewhere')],
    })
  })

  test('this process is not dead', async () => {
    const file = await lockFile()
    await using _lease = await acquireLease({ file, command })
    const holder = await readLease(file)
    expect(holder !== undefined && isDead(holder)).toBe(false)
  })
})

test.each([
  ['this process', {}, { alive: true, dead: false }],
  ['one that is gone', { processStartedAt: 'another time' }, { alive: false, dead: true }],
  [
    'one of the same number on a machine of the same name',
    { machine: 'another boot' },
    { alive: false, dead: false },
  ],
  ['one on another host', { host: 'elsewhere', processStartedAt: '?' }, { alive: false, dead: false }],
  ['one of which the machine is not known', { machine: '' }, { alive: false, dead: false }],
])('a holder whose lock lies elsewhere: %s', (_, change, { alive, dead }) => {
  const holder = { ...newHolder(command, new Date()), ...change }
  expect([isAliveHere(holder), isDeadHere(holder)]).toEqual([alive, dead])
})

describe('mlp unlock', () => {
  test('ends the lease, whose holder then begins nothing more, and takes nothing from the next', async () => {
    const file = await lockFile()
    const first = await acquireLease({ file, command })
    expect((await breakLease(file, first.holder.id)).id).toBe(first.holder.id)
    await expect(first.working('1.aws.net')).rejects.toMatchObject({ code: 'MLP5221', exitCode: 6 })
    await using second = await acquireLease({ file, command })
    await first.release()
    await second.working('1.aws.net')
    expect((await readLease(file))?.id).toBe(second.holder.id)
  })

  test('an old or wrong id never ends a lease, and the right command is told', async () => {
    const file = await lockFile()
    await expect(breakLease(file, 'none')).rejects.toMatchObject({
      code: 'MLP5222',
      exitCode: 2,
      message: 'nothing is locked',
    })
    await using lease = await acquireLease({ file, command })
    await expect(breakLease(file, 'old')).rejects.toMatchObject({ remedy: [`mlp unlock ${lease.holder.id}`] })
    await lease.working('1.aws.net')
  })
})

test('steps that follow one another quickly are named a moment later; whether it is ours is asked for each', async () => {
  const file = await lockFile()
  await using lease = await acquireLease({ file, command })
  await lease.working('1.aws.a')
  await lease.working('1.aws.b')
  expect((await readLease(file))?.step).toBe('1.aws.a')
  await vi.waitFor(async () => expect((await readLease(file))?.step).toBe('1.aws.b'), { timeout: 10_000 })
  await breakLease(file, lease.holder.id)
  await expect(lease.working('1.aws.c')).rejects.toMatchObject({ code: 'MLP5221' })
})

test('it is renewed while it is held', async () => {
  const file = await lockFile()
  await using _lease = await acquireLease({ file, command, renewMs: 5 })
  const before = (await readLease(file))?.renewedAt ?? ''
  await vi.waitFor(async () => expect((await readLease(file))?.renewedAt).not.toBe(before), { timeout: 5000 })
})

test.each(['{', '{"id":"x"}'])('a lock that cannot be understood (%s) is told with its file', async text => {
  const file = await lockFile()
  await using _lease = await acquireLease({ file, command })
  await writeFile(`${file}.9`, text)
  await expect(acquireLease({ file, command })).rejects.toMatchObject({
    code: 'MLP5223',
    message: expect.stringContaining(`${file}.9`),
  })
})

test('a lock that cannot be written is told', async () => {
  const file = join(await temporaryFolder(), 'file')
  await writeFile(file, '')
  await expect(acquireLease({ file: join(file, 'lock.json'), command })).rejects.toMatchObject({
    code: 'MLP5224',
  })
})

test('one that cannot be given back is told to whoever gives it back, and hides no other error', async () => {
  const file = await lockFile()
  const lease = await acquireLease({ file, command })
  // Where it would be written anew is no room for a file.
  await mkdir(`${file}.1.${process.pid}.tmp`)
  await expect(lease.release()).rejects.toMatchObject({ code: 'MLP5224' })
  await expect(lease[Symbol.asyncDispose]()).resolves.toBeUndefined()
})

test('processes that race, and one that is killed while it holds: never two at once', async () => {
  const folder = await temporaryFolder()
  const file = join(folder, 'lock.json')
  const notes = join(folder, 'notes')
  const fixture = join(import.meta.dirname, 'fixtures/lease-racer.ts')
  const racers = [['25'], ['25'], ['5', 'die'], ['5', 'die']].map(args =>
    spawn(process.execPath, [fixture, file, notes, ...args], { stdio: ['pipe', 'pipe', 'inherit'] }),
  )
  await Promise.all(racers.map(racer => new Promise(resolve => racer.stdout.once('data', resolve))))
  const ends = racers.map(ended)
  for (const racer of racers) racer.stdin.write('go\n')
  expect(await Promise.all(ends)).toEqual([0, 0, 'SIGKILL', 'SIGKILL'])

  const lines = (await readFile(notes, 'utf8')).trim().split('\n')
  expect(lines).toHaveLength(120)
  let fence = 0
  for (let index = 0; index < lines.length; index += 2) {
    const [, pid, number] = /^\+ (\d+) (\d+)$/.exec(lines[index] ?? '') ?? []
    expect(lines[index + 1]).toBe(`- ${pid} ${number}`)
    expect(Number(number)).toBeGreaterThan(fence)
    fence = Number(number)
  }
}, 60_000)

function ended(child: ChildProcess): Promise<number | string | null> {
  return new Promise(resolve => child.on('close', (code, signal) => resolve(signal ?? code)))
}
