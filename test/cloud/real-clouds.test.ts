// Bootstrap, verify and teardown on real accounts. It costs money and is never run by `npm test`:
//   MLP_CLOUD_TEST=yes MLP_CLOUD_TEST_BUDGET=20 npx vitest run --config test/cloud/vitest.config.ts
// in a folder with an mlp.yaml whose target is cloud. MLP_CLOUD_TEST_BUDGET is what a day of it may cost in USD, by the
// clouds' own price lists; a run takes some hours.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { planDocument } from '../../src/cli/contract.ts'
import { loadConfig } from '../../src/config/load.ts'
import { type Finished, parseEvents, runMlp } from '../support/mlp.ts'

const folder = process.env['MLP_CLOUD_TEST_FOLDER'] ?? process.cwd()
const cap = Number(process.env['MLP_CLOUD_TEST_BUDGET'] ?? 'NaN')
const ended = (finished: Finished) => parseEvents(finished.stdout).find(({ type }) => type === 'run-finished')

describe('a platform on the real clouds', () => {
  let project = ''
  beforeAll(async () => {
    if (process.env['MLP_CLOUD_TEST'] !== 'yes') throw new Error('set MLP_CLOUD_TEST=yes to spend money')
    const config = await loadConfig({ file: `${folder}/mlp.yaml`, environment: undefined, target: 'cloud' })
    if (config.environment === 'prod') throw new Error('never on a prod environment')
    const planned = await runMlp(folder, ['plan', '--json'])
    const { cost } = planDocument.parse(JSON.parse(planned.stdout))
    expect({ unknown: cost.unknown, simulated: cost.simulated }).toEqual({ unknown: [], simulated: false })
    // Of every node that its pools may have; 730 hours are a month.
    const day = cost.most.reduce((sum, { amount }) => sum + amount, 0) / (730 / 24)
    if (!(day <= cap)) throw new Error(`a day may cost ${day} USD: more than MLP_CLOUD_TEST_BUDGET (${cap})`)
    project = config.project
  }, 600_000)

  // Whatever happened before: nothing may go on costing.
  afterAll(async () => {
    if (project === '') return
    const down = await runMlp(folder, [
      'teardown',
      '--confirm',
      project,
      '--destroy-data',
      '--no-final-snapshot',
      '--json',
    ])
    expect({ exitCode: down.exitCode, left: ended(down)?.['left'] }).toEqual({ exitCode: 0, left: [] })
  }, 7_200_000)

  it('bootstraps', async () => {
    const up = await runMlp(folder, ['bootstrap', '--yes', '--json'])
    expect({ exitCode: up.exitCode, result: ended(up)?.result }, up.stderr).toEqual({
      exitCode: 0,
      result: 'ok',
    })
  }, 7_200_000)

  it('verifies', async () => {
    const verified = await runMlp(folder, ['verify', '--json', '--wait', '10m'])
    expect(verified.exitCode, verified.stdout).toBe(0)
  }, 1_200_000)

  it('changes nothing the second time', async () => {
    const again = await runMlp(folder, ['bootstrap', '--yes', '--json'])
    expect(
      parseEvents(again.stdout).filter(({ type, state }) => type === 'step-finished' && state !== 'skipped'),
    ).toEqual([])
  }, 1_200_000)
})
