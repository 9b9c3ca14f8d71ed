import { describe, expect, test } from 'vitest'
import type { CheckId, CheckRow } from '../../../../src/engine/check.ts'
import { checklist, stateOfChecklist } from '../../../../src/phases/8-readiness/checklist.ts'
import { readSignOffFlag } from '../../../../src/phases/8-readiness/sign-offs.ts'

const now = new Date('2026-12-01T12:00:00Z')
const row = (id: CheckId, status: CheckRow['status'], detail = 'seen'): CheckRow => ({
  id,
  phase: Number(id[0]),
  cloud: id.split('.')[1] ?? '',
  title: id,
  status,
  detail,
  remedy: [],
  durationMs: 1,
})
const stateOf = (
  item: string,
  rows: readonly CheckRow[],
  signed: readonly (readonly [string, string])[] = [],
) => {
  const signOffs = new Map(signed.map(([id, at]) => [id, { by: 'Ada', at, runId: 'run' }] as const))
  const found = stateOfChecklist(rows, signOffs, now, 'this-run').find(each => each.item.id === item)
  if (found === undefined) throw new Error(`no item ${item}`)
  return found
}

describe('an item that checks tell', () => {
  test.each([
    ['passes on every cloud', [row('5.aws.dashboards', 'pass'), row('5.gcp.dashboards', 'pass')], 'done'],
    ['passes with a remark', [row('5.aws.dashboards', 'warn')], 'open'],
    ['fails on one cloud', [row('5.aws.dashboards', 'pass'), row('5.gcp.dashboards', 'fail')], 'open'],
    ['could not be looked at', [row('5.aws.dashboards', 'error')], 'open'],
    ['waits for another', [row('5.aws.dashboards', 'blocked')], 'open'],
    ['belongs to a phase that was never applied', [row('5.aws.dashboards', 'skipped')], 'open'],
    ['was not asked', [row('5.aws.rules', 'pass')], 'open'],
  ] as const)('%s', (_, rows, state) => {
    expect(stateOf('dashboards', rows).state).toBe(state)
  })

  test('needs each kind of its evidence', () => {
    const open = stateOf('alerts', [row('5.aws.rules', 'pass')])
    expect(open).toMatchObject({ state: 'open', why: expect.stringContaining('5.*.watchdog') })
    const both = stateOf('alerts', [row('5.aws.rules', 'pass'), row('5.aws.watchdog', 'pass')])
    expect(both).toMatchObject({
      state: 'done',
      evidence: [{ check: '5.aws.rules' }, { check: '5.aws.watchdog' }],
    })
  })

  test('says which check keeps it open, and what that saw', () => {
    const rows = [
      row('5.aws.dashboards', 'fail', 'three are missing\nand more'),
      row('5.gcp.dashboards', 'fail'),
    ]
    expect(stateOf('dashboards', rows).why).toBe('5.aws.dashboards fail: three are missing, and 1 more')
  })

  test('a remark may be accepted by name, a failure may not, nor what nothing has shown', () => {
    const signed = [['dashboards', now.toISOString()]] as const
    expect(stateOf('dashboards', [row('5.aws.dashboards', 'warn', 'simulated')])).toMatchObject({
      state: 'open',
      why: '5.aws.dashboards warns: simulated; to accept that: mlp phase 8 --sign-off dashboards',
    })
    expect(stateOf('dashboards', [row('5.aws.dashboards', 'warn')], signed)).toMatchObject({
      state: 'done',
      why: expect.stringContaining('accepted: signed by Ada'),
    })
    expect(stateOf('dashboards', [row('5.aws.dashboards', 'fail')], signed).state).toBe('open')
    expect(stateOf('dashboards', [], signed).state).toBe('open')
  })
})

describe('evidence', () => {
  const tested = (at: string, runId?: string): CheckRow => ({
    ...row('7.aws.validation', 'pass'),
    basis: { at, ...(runId === undefined ? {} : { runId }) },
  })

  test('of a look at the world is of now and of this run, and holds for a week', () => {
    expect(stateOf('dashboards', [row('5.aws.dashboards', 'pass')])).toMatchObject({
      expiresAt: '2026-12-08T12:00:00.000Z',
      evidence: [
        {
          check: '5.aws.dashboards',
          status: 'pass',
          at: now.toISOString(),
          runId: 'this-run',
          detail: 'seen',
        },
      ],
    })
  })

  test('of something done before is of then, and holds from then', () => {
    expect(stateOf('tests', [tested('2026-11-20T08:00:00Z', 'that-run')])).toMatchObject({
      state: 'done',
      expiresAt: '2026-12-20T08:00:00.000Z',
      evidence: [{ at: '2026-11-20T08:00:00.000Z', runId: 'that-run' }],
    })
    expect(stateOf('tests', [tested('2026-11-20T08:00:00Z')]).evidence[0]).not.toHaveProperty('runId')
  })

  test('is worth nothing when it is too old, and nobody can sign that away', () => {
    const signed = [['tests', now.toISOString()]] as const
    expect(stateOf('tests', [tested('2026-10-20T08:00:00Z')], signed)).toMatchObject({
      state: 'open',
      why: '7.aws.validation rests on 2026-10-20, which held for 30 days',
    })
  })

  test('that is accepted by name holds as long as both do', () => {
    const signed = [['dashboards', '2026-11-30T08:00:00.000Z']] as const
    expect(stateOf('dashboards', [row('5.aws.dashboards', 'warn')], signed).expiresAt).toBe(
      '2026-12-08T12:00:00.000Z',
    )
  })
})

describe('an item that somebody signs', () => {
  test('is open until then, and says how', () => {
    expect(stateOf('team-training', [])).toMatchObject({
      state: 'open',
      why: 'not signed: mlp phase 8 --sign-off team-training',
    })
  })

  test('holds for 180 days', () => {
    const fresh = stateOf('team-training', [], [['team-training', '2026-11-30T08:00:00.000Z']])
    expect(fresh).toMatchObject({
      state: 'done',
      why: 'signed by Ada on 2026-11-30',
      expiresAt: '2027-05-29T08:00:00.000Z',
    })
    expect(stateOf('team-training', [], [['team-training', '2026-06-04T11:59:00.000Z']]).state).toBe('open')
    expect(stateOf('team-training', [], [['team-training', '2026-06-04T12:01:00.000Z']]).state).toBe('done')
  })

  test.each([
    ['team-training', { item: 'team-training', by: 'ada' }],
    ['team-training=Ada Lovelace', { item: 'team-training', by: 'Ada Lovelace' }],
    ['on-call=a=b', { item: 'on-call', by: 'a=b' }],
  ])('--sign-off %s', (flag, expected) => {
    expect(readSignOffFlag(flag, 'ada')).toEqual(expected)
  })

  test.each([
    ['nonsense', 'the checklist has no item nonsense'],
    ['team-training=', '--sign-off team-training= names nobody'],
  ])('--sign-off %s is refused', (flag, summary) => {
    expect(() => readSignOffFlag(flag, 'ada')).toThrow(summary)
  })
})

test('the guide’s eight boxes are all there, each once', () => {
  expect(checklist.filter(({ isGuides }) => isGuides)).toHaveLength(8)
  expect(new Set(checklist.map(({ id }) => id)).size).toBe(checklist.length)
})
