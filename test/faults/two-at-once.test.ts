import { readdir } from 'node:fs/promises'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import * as z from 'zod'
import { createPlayground, type Playground, parseEvents, type Running } from '../support/mlp.ts'
import { eventually } from '../support/processes.ts'

const command = ['phase', '1', '--cloud', 'aws', '--yes', '--json']
const untilItWorks = (running: Running) =>
  eventually(
    'a step to start',
    () => {
      if (running.child.exitCode !== null) throw new Error('the run is over')
      return running.events().find(({ type }) => type === 'step-started')?.step
    },
    600_000,
  )

describe('two at once on one platform', () => {
  let playground: Playground
  beforeAll(async () => {
    playground = await createPlayground()
  })
  afterAll(() => playground.dispose())

  const start = () => {
    const running = playground.start(command)
    onTestFinished(() => void running.child.kill('SIGKILL'))
    return running
  }
  /** Ids of the runs that all machines can read about, as the object store has them on the disk. */
  const sharedHistories = async () => {
    const data = join(playground.sandboxHome, 'emulators', 's3', 'data')
    const bucket = (await readdir(data)).find(name => name.includes('tfstate')) ?? ''
    return await readdir(join(data, bucket, 'mlp', 'runs'))
  }

  it('the second ends at once, names the holder and how to unlock; only a dead holder is unlocked', async () => {
    const first = start()
    await untilItWorks(first)
    const second = await playground.mlp(command)
    expect(second.exitCode, second.stderr).toBe(6)
    expect(second.stderr).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m)
    const { pid } = first.child
    const holder = `${userInfo().username} on ${hostname()} (process ${pid}, "mlp phase 1")`
    expect(second.stderr).toContain(`Another mlp works on this platform: ${holder}`)
    expect(second.stderr).toMatch(/since \d{4}-\d\d-\d\dT/)
    expect(second.stderr).toMatch(/at step 1\.aws\.\S+/)
    const id = /mlp unlock (\w+)/.exec(second.stderr)?.[1] ?? ''
    expect(id).not.toBe('')

    const alive = await playground.mlp(['unlock', id])
    expect({ exitCode: alive.exitCode, said: alive.stderr }).toEqual({
      exitCode: 6,
      said: expect.stringContaining('is held by a run that is alive'),
    })
    first.child.kill('SIGKILL')
    await first.finished
    const other = await playground.mlp(['unlock', 'deadbeef'])
    expect(other.exitCode, other.stderr).toBe(2)
    const dead = await playground.mlp(['unlock', id])
    expect({ exitCode: dead.exitCode, said: dead.stdout }).toEqual({
      exitCode: 0,
      said: `Removed the lock ${id} of ${userInfo().username} on ${hostname()}.\n`,
    })
  })

  it('a dead holder is taken over without an unlock, which is said once; its history is sent', async () => {
    const killed = start()
    await untilItWorks(killed)
    killed.child.kill('SIGKILL')
    await killed.finished
    const next = await playground.mlp(command)
    expect(next.exitCode, next.stderr).toBe(0)
    const notices = parseEvents(next.stdout).filter(({ type }) => type === 'notice')
    expect(notices.filter(({ message }) => /took over the lock/.test(String(message)))).toEqual([
      expect.objectContaining({
        message: `took over the lock of ${userInfo().username} on ${hostname()} (process ${killed.child.pid}, "mlp phase 1"), which is no longer running`,
      }),
    ])
    const { runId } = z
      .looseObject({ runId: z.string() })
      .parse(killed.events().find(({ type }) => type === 'run-started'))
    expect(await sharedHistories()).toContain(runId)
  })

  it('of two that start at the same moment, exactly one works', async () => {
    const both = await Promise.all([playground.mlp(command), playground.mlp(command)])
    expect(both.map(({ exitCode }) => exitCode).toSorted()).toEqual([0, 6])
  })
})
