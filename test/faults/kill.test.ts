import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPlayground, type Playground, parseEvents, type Running } from '../support/mlp.ts'

const poll = async (until: () => boolean, deadlineMs: number): Promise<boolean> => {
  const deadline = Date.now() + deadlineMs
  while (!until()) {
    if (Date.now() > deadline) return false
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  return true
}

const over = (running: Running) => running.child.exitCode !== null || running.child.signalCode !== null

/** Deterministic, so that a failure can be repeated: printed with the test's name. */
function* randomNumbers(seed: number): Generator<number, never> {
  let state = seed
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    yield state / 2 ** 32
  }
}

describe('kill -9 of mlp', () => {
  let playground: Playground
  beforeAll(async () => {
    playground = await createPlayground()
  })
  afterAll(() => playground.dispose())

  const startOver = async () => {
    const down = await playground.mlp([
      'teardown',
      '--yes',
      '--destroy-data',
      '--no-final-snapshot',
      '--json',
    ])
    expect(down.exitCode, down.stderr).toBe(0)
    await rm(join(playground.folder, '.mlp'), { recursive: true, force: true })
  }
  const endsWell = async () => {
    const finished = await playground.mlp(['bootstrap', '--yes', '--json'])
    const failures = parseEvents(finished.stdout).filter(({ state }) => state === 'failed')
    expect({ exitCode: finished.exitCode, failures }, finished.stderr).toEqual({ exitCode: 0, failures: [] })
    const verified = await playground.mlp(['verify', '--json'])
    expect(verified.exitCode, verified.stdout).toBe(0)
  }

  it('at each step boundary in turn ends in the same world', async () => {
    for (let boundary = 0; ; boundary += 1) {
      const running = playground.start(['bootstrap', '--yes', '--json'])
      const finishedSteps = () =>
        running.events().filter(({ type, state }) => type === 'step-finished' && state === 'done').length
      await poll(() => finishedSteps() > 0 || over(running), 600_000)
      if (over(running)) {
        expect((await running.finished).exitCode).toBe(0)
        expect(boundary).toBeGreaterThan(5)
        break
      }
      running.child.kill('SIGKILL')
      await running.finished
    }
    await endsWell()
    await startOver()
  })

  it('at 20 random moments ends in the same world', async () => {
    const random = randomNumbers(20_261_124)
    let kills = 0
    while (kills < 20) {
      const running = playground.start(['bootstrap', '--yes', '--json'])
      const afterMs = 300 + random.next().value * 12_000
      const startedAt = Date.now()
      await poll(() => over(running) || Date.now() - startedAt >= afterMs, 600_000)
      if (over(running)) {
        expect((await running.finished).exitCode).toBe(0)
        await startOver()
        continue
      }
      running.child.kill('SIGKILL')
      await running.finished
      kills += 1
    }
    await endsWell()
    await startOver()
  })
})
