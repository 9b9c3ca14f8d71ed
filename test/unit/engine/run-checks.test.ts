import { describe, expect, test } from 'vitest'
import type { Check, Finding } from '../../../src/engine/check.ts'
import { MlpError } from '../../../src/engine/errors.ts'
import { type Gate, passGates } from '../../../src/engine/gates.ts'
import { runChecks } from '../../../src/engine/run-checks.ts'
import type { EngineContext } from '../../../src/engine/step.ts'
import { emptyWorld } from './support.ts'

type Id = Check<EngineContext>['id']

function check(
  id: Id,
  run: Check<EngineContext>['run'],
  more: Partial<Check<EngineContext>> = {},
): Check<EngineContext> {
  return { id, phase: 1, cloud: 'aws', title: `title of ${id}`, why: 'because', run, ...more }
}
const finding = (status: Finding['status']) => async (): Promise<Finding> => ({
  status,
  detail: `it is ${status}`,
})
const never = () => new Promise<Finding>(() => undefined)

function context() {
  const world = emptyWorld()
  return { world, context: world.makeContext(() => undefined) }
}

describe('checks', () => {
  test('one row each, in order, each told as it ends; a warning lets others go on, a failure blocks', async () => {
    const { world, context: given } = context()
    const rows = await runChecks(
      [
        check('1.aws.late', finding('pass'), { after: ['1.aws.warn'] }),
        check('1.aws.warn', finding('warn')),
        check('1.aws.fail', finding('fail')),
        check('1.aws.error', finding('error')),
        check('1.aws.behind', finding('pass'), { after: ['1.aws.fail'] }),
        check('1.aws.further', finding('pass'), { after: ['1.aws.behind', '1.aws.warn'] }),
      ],
      given,
    )
    expect(rows.map(({ id, status }) => [id, status])).toEqual([
      ['1.aws.late', 'pass'],
      ['1.aws.warn', 'warn'],
      ['1.aws.fail', 'fail'],
      ['1.aws.error', 'error'],
      ['1.aws.behind', 'blocked'],
      ['1.aws.further', 'blocked'],
    ])
    expect(rows[4]).toMatchObject({
      detail: '1.aws.fail has to pass first',
      remedy: [],
      cloud: 'aws',
      phase: 1,
    })
    expect(world.events.filter(event => event.type === 'check-finished')).toHaveLength(6)
  })

  test('a check that throws could not look: error, with the remedy of what it threw; never pass', async () => {
    const thrown = new MlpError({
      code: 'MLP3001',
      summary: 'expired',
      detail: 'token',
      remedy: ['mlp login aws'],
    })
    const rows = await runChecks(
      [
        check('1.aws.login', () => Promise.reject(thrown)),
        check('1.aws.bug', () => {
          throw new TypeError('x')
        }),
      ],
      context().context,
    )
    expect(rows[0]).toMatchObject({
      status: 'error',
      detail: 'expired (MLP3001)\ntoken',
      remedy: ['mlp login aws'],
    })
    expect(rows[1]).toMatchObject({ status: 'error', detail: expect.stringContaining('MLP9000') })
  })

  test('one that hangs is an error at its deadline, and holds nobody up', async () => {
    const rows = await runChecks(
      [
        check('1.aws.hangs', never, { timeoutMs: 20 }),
        check('1.gcp.hangs', never),
        check('1.azure.fine', finding('pass')),
      ],
      context().context,
      { timeoutMs: 30, concurrency: 3 },
    )
    expect(rows.map(({ status, detail }) => [status, detail])).toEqual([
      ['error', 'no answer within 0.02 s'],
      ['error', 'no answer within 0.03 s'],
      ['pass', 'it is pass'],
    ])
    expect(rows[0]?.remedy).not.toEqual([])
  })

  test('a cloud whose checks all wait takes no turn of another’s', async () => {
    // Whatever is asked of AWS is answered only after what is asked of Google Cloud, which is last.
    const answered = Promise.withResolvers<void>()
    const waits = async (): Promise<Finding> => {
      await answered.promise
      return { status: 'pass', detail: '' }
    }
    const answers = async (): Promise<Finding> => {
      answered.resolve()
      return { status: 'pass', detail: '' }
    }
    const many = Array.from({ length: 40 }, (_, index) => check(`1.aws.${index}`, waits))
    const rows = await runChecks(
      [...many, check('1.gcp.last', answers, { cloud: 'gcp' })],
      context().context,
      { timeoutMs: 20_000 },
    )
    expect(rows.filter(({ status }) => status !== 'pass')).toEqual([])
  })

  test('after an interrupt the rest is skipped, not passed', async () => {
    const { world, context: given } = context()
    const stop = async (): Promise<Finding> => {
      world.controller.abort()
      return { status: 'pass', detail: '' }
    }
    const rows = await runChecks(
      [check('1.aws.a', stop), check('1.aws.b', finding('pass'), { after: ['1.aws.a'] })],
      given,
    )
    expect(rows.map(({ status }) => status)).toEqual(['pass', 'skipped'])
  })
})

describe('gates', () => {
  const gate = (id: string, ask: Gate<EngineContext>['ask'], cloud = 'all'): Gate<EngineContext> => ({
    id,
    cloud,
    ask,
  })
  const passed = gate('identity', async () => ({ outcome: 'passed', detail: 'account 1' }))
  const warned = gate('quota', async () => ({ outcome: 'warned', detail: 'cannot be read' }), 'aws')
  const cost = gate('cost', async () => ({
    outcome: 'refused',
    detail: 'over budget',
    remedy: ['raise the budget'],
    flag: '--allow-cost',
  }))

  test('passes and warnings let through, and are told', async () => {
    const { world, context: given } = context()
    await passGates([passed, warned], given)
    expect(world.events).toEqual([
      { type: 'gate', gate: 'identity', cloud: 'all', outcome: 'passed', detail: 'account 1' },
      { type: 'gate', gate: 'quota', cloud: 'aws', outcome: 'warned', detail: 'cannot be read' },
    ])
  })

  test('a refusal is exit 5 and names its flag', async () => {
    const { world, context: given } = context()
    await expect(passGates([passed, cost], given)).rejects.toMatchObject({
      code: 'MLP5230',
      exitCode: 5,
      message: 'Refused before anything was changed: cost: over budget',
      remedy: ['raise the budget', 'Or accept it: --allow-cost'],
    })
    expect(world.events).toContainEqual(expect.objectContaining({ outcome: 'refused', flag: '--allow-cost' }))
  })

  test('all refusals are told together; a gate that throws refuses', async () => {
    const login = gate(
      'login',
      () =>
        Promise.reject(
          new MlpError({ code: 'MLP3001', summary: 'expired', detail: 'an hour ago', remedy: ['mlp login'] }),
        ),
      'aws',
    )
    const outcome = passGates([cost, login], context().context)
    await expect(outcome).rejects.toMatchObject({
      message: '2 gates refused before anything was changed',
      detail: 'cost: over budget\naws login: expired: an hour ago',
      remedy: ['raise the budget', 'Or accept it: --allow-cost', 'mlp login'],
    })
  })

  test('an interrupt while a gate asks is no bug', async () => {
    const { world, context: given } = context()
    const stopped = gate('quota', async () => {
      world.controller.abort()
      throw new DOMException('aborted', 'AbortError')
    })
    await expect(passGates([stopped], given)).rejects.toMatchObject({ code: 'MLP5130', exitCode: 130 })
  })

  test('a bug in a gate stays a bug', async () => {
    const bug = gate('bug', () => Promise.reject(new TypeError('x')))
    await expect(passGates([bug], context().context)).rejects.toMatchObject({ code: 'MLP9000', exitCode: 1 })
  })
})
