import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { createPlayground, expectSuccess, failuresOf, type Playground, parseEvents } from '../support/mlp.ts'
import { testDelivery } from './parts/delivery.ts'

const verdict = z.object({
  healthy: z.boolean(),
  checks: z.array(z.object({ id: z.string(), status: z.string(), detail: z.string() })),
})

const testsSchema = z.array(
  z.looseObject({
    step: z.string(),
    cloud: z.string(),
    test: z.string(),
    outcome: z.string(),
    detail: z.string(),
  }),
)
// What cannot be tested here, and says so: MLflow is on one cloud only, no cache is
// there without redis-server, and a machine that has no time to spare measures itself.
const unproved = /^mlflow$|^cache$|^objectives$|^agreement$/

// Two clouds are a mesh, and all that a third would bring is more of the same. Told in order.
describe('a platform of two clouds, with its mesh, its monitoring and its pipeline', {
  timeout: 1_800_000,
}, () => {
  let playground: Playground
  beforeAll(async () => {
    playground = await createPlayground()
    const clouds = 'clouds:\n  aws:\n  gcp:\n'
    await writeFile(join(playground.folder, 'mlp.yaml'), `apiVersion: mlp.dev/v1\nproject: meshed\n${clouds}`)
  })
  afterAll(() => playground?.dispose())

  it('comes up', async () => {
    expectSuccess(await playground.mlp(['bootstrap', '--yes', '--json']))
  })

  it('was tested in that run, as a whole: test by test, with load, and what could not be proved is named', async () => {
    const runs = join(playground.folder, '.mlp', 'sandbox', 'meshed-dev', 'runs')
    const folder = join(runs, (await readdir(runs)).sort().at(-1) ?? '')
    const tests = testsSchema.parse(JSON.parse(await readFile(join(folder, 'tests.json'), 'utf8')))
    expect(tests.filter(({ outcome }) => outcome === 'failed')).toEqual([])
    expect(tests.filter(({ test, outcome }) => outcome === 'skipped' && !unproved.test(test))).toEqual([])
    const moved = tests
      .filter(({ test }) => test.startsWith('sync-'))
      .map(each => `${each.test} ${each.outcome}`)
    expect(moved.toSorted()).toEqual(['sync-aws-to-gcp passed', 'sync-gcp-to-aws passed'])
    for (const cloud of ['aws', 'gcp']) {
      const named = tests.filter(each => each.cloud === cloud).map(({ test }) => test)
      expect(named).toEqual(
        expect.arrayContaining(['inference', 'object-store', 'routing-weights', 'metrics', 'objectives']),
      )
      expect(await readdir(folder)).toEqual(
        expect.arrayContaining([`load-${cloud}-smoke.json`, `load-${cloud}-smoke.html`, 'tests.xml']),
      )
    }
  })

  it('changes nothing the second time, and says why', async () => {
    const again = await playground.mlp(['bootstrap', '--yes', '--json'])
    expectSuccess(again)
    const steps = parseEvents(again.stdout).filter(({ type }) => type === 'step-finished')
    expect(steps.filter(({ state }) => state !== 'skipped')).toEqual([])
    expect(steps.filter(({ why }) => (why ?? '') === '')).toEqual([])
  })

  it('is found healthy by Istio’s own tools, through its gateways, and by Prometheus; what is simulated is said', async () => {
    const finished = await playground.mlp(['verify', '--wait', '5m', '--json'])
    const { healthy, checks } = verdict.parse(JSON.parse(finished.stdout))
    const doubtful = checks.filter(({ status }) => status !== 'pass')
    // Where redis-server is not installed there is no cache, which is a warning too.
    const known =
      /simulated|a stand-in for the official chart|there are no receivers|no domain in mlp.yaml|failover between clouds: not tested|the cluster has no metrics API|MLflow runs on aws|cannot be measured from here|no documentation was made yet|whether anybody has ever restored the database|mlp.yaml has no `budget`/
    const unexplained = doubtful.filter(
      ({ id, status, detail }) => status !== 'warn' || !(known.test(detail) || id.endsWith('.rate-limits')),
    )
    expect(unexplained).toEqual([])
    expect({ healthy, exitCode: finished.exitCode }).toEqual({ healthy: true, exitCode: 0 })
  })

  describe('its pipeline', () => testDelivery(() => playground, { owner: 'meshed', repo: 'meshed' }))

  it('is taken back whole, with the data when they may go', async () => {
    const down = await playground.mlp(['teardown', '--yes', '--destroy-data', '--json'])
    const ended = parseEvents(down.stdout).find(({ type }) => type === 'run-finished')
    const { left } = z.looseObject({ left: z.array(z.unknown()) }).parse(ended)
    expect({ exitCode: down.exitCode, left, failed: failuresOf(down) }).toEqual({
      exitCode: 0,
      left: [],
      failed: [],
    })
  })
})
