import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { control } from '../../sandbox/test/core-daemon-process.ts'
import { planDocument } from '../../src/cli/contract.ts'
import { createPlayground, type Finished, mlpPath, type Playground, parseEvents } from '../support/mlp.ts'
import { openTerminal } from '../support/terminal.ts'

const budgetGate = (finished: Finished) =>
  parseEvents(finished.stdout)
    .filter(({ type, gate }) => type === 'gate' && gate === 'budget')
    .map(({ outcome, detail }) => `${outcome}: ${detail}`)
const error = (finished: Finished) =>
  z
    .looseObject({ error: z.object({ code: z.string(), summary: z.string(), remedy: z.array(z.string()) }) })
    .parse(JSON.parse(finished.stdout.trim().split('\n').at(-1) ?? '')).error
const plan = (finished: Finished) => planDocument.parse(JSON.parse(finished.stdout))

describe('what the platform costs', () => {
  let playground: Playground
  const sandbox = (method: string, path: string, body: object) =>
    control(join(playground.folder, 'sandbox'), method, path, body)
  const platform = (budget: string) =>
    writeFile(
      join(playground.folder, 'mlp.yaml'),
      `apiVersion: mlp.dev/v1\nproject: costly\n${budget}clouds:\n  azure:\n`,
    )
  const nothingChanged = async () => {
    const { stdout } = await playground.mlp(['sandbox', 'status', '--json'])
    const { clouds } = z
      .object({ clouds: z.array(z.object({ resources: z.number() })) })
      .parse(JSON.parse(stdout))
    expect(clouds.reduce((sum, { resources }) => sum + resources, 0)).toBe(0)
    const home = join(playground.folder, '.mlp', 'sandbox', 'costly-dev')
    expect(existsSync(join(home, 'state.json'))).toBe(false)
    // The lease is free again.
    const status = await playground.mlp(['status', '--json'])
    expect(JSON.parse(status.stdout)).toMatchObject({ holder: null })
  }

  beforeAll(async () => {
    playground = await createPlayground()
    await platform('')
    expect((await playground.mlp(['sandbox', 'start'])).exitCode).toBe(0)
  })
  afterAll(() => playground?.dispose())

  it('plan shows a table, its sum, and that its prices are simulated', async () => {
    const finished = await playground.mlp(['plan'])
    expect(finished.exitCode).toBe(0)
    const lines = finished.stdout.split('\n')
    expect(lines).toContain('cost a month, by simulated prices; nothing is billed')
    expect(lines).toContain('    nodes system, Standard_D2s_v5                 2  140.16 USD')
    expect(lines).toContainEqual(expect.stringMatching(/^ {4}together +265\.02 USD$/))
    expect(lines).toContainEqual(
      expect.stringMatching(/^about 265 USD a month while it runs, 8\.71 USD a day/),
    )
    expect(finished.stdout).not.toContain('budget')
  })

  it('plan --json keeps to the contract, with the budget beside the sum', async () => {
    await platform('budget:\n  amount: 200\n')
    const { cost, actions } = plan(await playground.mlp(['plan', '--json']))
    expect(cost).toMatchObject({ simulated: true, unknown: [], budget: { amount: 200, verdict: 'above' } })
    expect(cost.monthly).toEqual([{ amount: expect.closeTo(265.02, 1), currency: 'USD' }])
    // Nothing is there yet: all of it is added, by roots that are planned in full later.
    expect(cost.added).toEqual([{ amount: expect.closeTo(265.02, 1), currency: 'USD' }])
    expect(actions.find(({ subject }) => subject === 'azure-cluster')?.monthlyCost).toMatchObject({
      amount: expect.closeTo(179.58, 1),
      source: 'Azure Retail Prices, 2026-08-21',
    })
    await nothingChanged()
  })

  it('above the budget is refused, with exit 5 and nothing changed', async () => {
    const finished = await playground.mlp(['bootstrap', '--yes', '--json'])
    expect(finished.exitCode).toBe(5)
    expect(budgetGate(finished)).toEqual([
      'refused: about 265 USD a month while it runs, 8.71 USD a day, above the budget of 200 USD a month in mlp.yaml (simulated prices)',
    ])
    expect(error(finished)).toMatchObject({
      code: 'MLP5230',
      remedy: expect.arrayContaining(['Or raise the budget in mlp.yaml.', 'Or accept it: --accept-cost']),
    })
    await nothingChanged()
  })

  it.each([
    ['throttles', 'throttle'],
    ['fails', 'serverError'],
  ] as const)('a price list that %s is no reason to spend what a budget may not have', async (_how, kind) => {
    await platform('budget:\n  amount: 1000\n')
    // More than all retries of all questions.
    await sandbox('PUT', '/faults', { faults: [{ on: 'azure:/api/retail/prices', kind, count: 200 }] })
    const refused = await playground.mlp(['bootstrap', '--yes', '--json'])
    const planned = plan(await playground.mlp(['plan', '--json']))
    await sandbox('PUT', '/faults', { faults: [] })
    expect(refused.exitCode).toBe(5)
    expect(budgetGate(refused)).toEqual([
      expect.stringMatching(/^refused: cost not known: Azure: prices could not be read: .* may not be kept/),
    ])
    expect(planned.cost).toMatchObject({
      monthly: [],
      unknown: [expect.stringContaining('prices could not be read')],
      budget: { verdict: 'unknown' },
    })
    await nothingChanged()
  })

  it.each([
    ['', 'n\r', /^\? about 265 USD .* \(simulated prices\)\. Build it\? \(y\/N\)/, 'Or accept it: --yes'],
    [
      'budget:\n  amount: 200\n',
      'whatever\r',
      /^\? about 265 USD .*, above the budget of 200 USD .*\. Go on\? Type costly:/,
      'Or accept it: --accept-cost',
    ],
  ] as const)('a person is asked under the table: %j', async (budget, keys, question, remedy) => {
    await platform(budget)
    const terminal = openTerminal({
      file: process.execPath,
      args: [mlpPath, 'bootstrap', '--to', '1'],
      cwd: playground.folder,
      env: { ...process.env, ...playground.env },
      columns: 250,
      rows: 60,
    })
    await terminal.until(() => terminal.all().some(line => question.test(line)), 60_000)
    expect(terminal.all()).toContain('      nodes system, Standard_D2s_v5                 2  140.16 USD')
    terminal.type(keys)
    expect(await terminal.ended).toBe(5)
    expect(terminal.all().join('\n')).toContain(remedy)
    await nothingChanged()
  })

  it('accepted, it goes on; the second run finds all in place and asks no price', async () => {
    await platform('budget:\n  amount: 200\n')
    const first = ['bootstrap', '--to', '1', '--yes', '--json']
    const accepted = await playground.mlp([...first, '--accept-cost'])
    expect({ exitCode: accepted.exitCode, tail: accepted.stdout.slice(-500) }).toMatchObject({ exitCode: 0 })
    expect(budgetGate(accepted)).toEqual([
      expect.stringMatching(/^warned: about 265 USD .*: accepted \(simulated prices\)$/),
    ])
    await sandbox('PUT', '/faults', {
      faults: [{ on: 'azure:/api/retail/prices', kind: 'serverError', count: 1 }],
    })
    const again = await playground.mlp(first)
    const planned = plan(await playground.mlp(['plan', '--to', '1', '--json']))
    expect(again.exitCode).toBe(0)
    expect(budgetGate(again)).toEqual([])
    expect(planned).toMatchObject({ actions: [], cost: { monthly: [], lines: [], budget: null } })
    // Nobody took the fault: no price was asked.
    const { faults } = z
      .object({ faults: z.array(z.unknown()) })
      .parse(await control(join(playground.folder, 'sandbox'), 'GET', '/faults'))
    expect(faults).toHaveLength(1)
    const log = await readFile(join(playground.folder, '.mlp', 'sandbox', 'costly-dev', 'state.json'), 'utf8')
    expect(log).toContain('1.azure.apply-cluster')
  })
})
