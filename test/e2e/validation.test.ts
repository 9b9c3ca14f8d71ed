import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { createPlayground, expectSuccess, failuresOf, type Playground, parseEvents } from '../support/mlp.ts'

const verdict = z.object({
  healthy: z.boolean(),
  checks: z.array(z.object({ id: z.string(), status: z.string(), detail: z.string() })),
})
const testsSchema = z.array(
  z.looseObject({ step: z.string(), test: z.string(), outcome: z.string(), detail: z.string() }),
)

// One cloud is enough to see each kind of test at work. Told in order.
describe('a platform is validated', { timeout: 1_800_000 }, () => {
  let playground: Playground
  beforeAll(async () => {
    playground = await createPlayground()
    const text = 'apiVersion: mlp.dev/v1\nproject: validated\nclouds:\n  aws:\n'
    await writeFile(join(playground.folder, 'mlp.yaml'), text)
    expectSuccess(await playground.mlp(['bootstrap', '--yes', '--to', '5', '--json']))
  })
  afterAll(() => playground?.dispose())

  const runFolder = async () => {
    const runs = join(playground.folder, '.mlp', 'sandbox', 'validated-dev', 'runs')
    const newest = (await readdir(runs)).sort().at(-1) ?? ''
    return join(runs, newest)
  }

  it('by tests that are told and kept; what could not be proved is named', async () => {
    expectSuccess(await playground.mlp(['phase', '7', '--yes', '--json']))
    const folder = await runFolder()
    const tests = testsSchema.parse(JSON.parse(await readFile(join(folder, 'tests.json'), 'utf8')))
    const unproved = tests.filter(({ outcome }) => outcome !== 'passed')
    // Where redis-server is not installed there is no cache; on a busy machine there is nothing to measure.
    const known = /^mlflow|^cache|^objectives|^agreement/
    expect(unproved.filter(({ test }) => !known.test(test))).toEqual([])
    expect(tests.map(({ test }) => test)).toEqual(
      expect.arrayContaining([
        'inference',
        'object-store',
        'routing-weights',
        'metrics',
        'objectives',
        'api-gateway',
      ]),
    )
    expect(await readFile(join(folder, 'tests.xml'), 'utf8')).toContain('<testsuite name="7.aws.integration"')
    expect(await readdir(folder)).toEqual(
      expect.arrayContaining(['load-aws-smoke.json', 'load-aws-smoke.html']),
    )
  })

  it('once: nothing is done again while nothing has changed', async () => {
    const again = await playground.mlp(['phase', '7', '--yes', '--json'])
    expectSuccess(again)
    const done = parseEvents(again.stdout).filter(
      ({ type, state }) => type === 'step-finished' && state !== 'skipped',
    )
    expect(done).toEqual([])
  })

  it('which verify knows', async () => {
    const finished = await playground.mlp(['verify', '7', '--json'])
    const { checks } = verdict.parse(JSON.parse(finished.stdout))
    expect(checks.filter(({ status }) => !['pass', 'warn'].includes(status))).toEqual([])
    expect(finished.exitCode).toBe(0)
  })

  it('and leaves nothing behind', async () => {
    const down = await playground.mlp(['teardown', '--yes', '--destroy-data', '--json'])
    expect({ exitCode: down.exitCode, failed: failuresOf(down) }).toEqual({ exitCode: 0, failed: [] })
  })
})
