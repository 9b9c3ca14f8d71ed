import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { contractSchemas, runFinishedEvent, versionEvent } from '../../../../src/cli/contract.ts'
import { showChecks } from '../../../../src/cli/show-checks.ts'
import { checkJson, checkReport } from '../../../../src/cli/views/check-report.ts'
import { chooseColour, chooseView } from '../../../../src/cli/views/choose.ts'
import { junitXml } from '../../../../src/cli/views/junit.ts'
import { linesView } from '../../../../src/cli/views/lines-view.ts'
import { ndjsonView } from '../../../../src/cli/views/ndjson-view.ts'
import { palette } from '../../../../src/cli/views/palette.ts'
import { planJson, planReport } from '../../../../src/cli/views/plan-report.ts'
import { type StatusInput, statusJson, statusReport } from '../../../../src/cli/views/status-report.ts'
import { cut, plainText, wrap } from '../../../../src/cli/views/text.ts'
import type { View } from '../../../../src/cli/views/view.ts'
import type { CheckRow } from '../../../../src/engine/check.ts'
import { MlpError } from '../../../../src/engine/errors.ts'
import type { EventBody } from '../../../../src/engine/events.ts'
import type { LeaseHolder } from '../../../../src/engine/lease-holder.ts'
import type { StepRecord } from '../../../../src/engine/state-document.ts'

const plain = palette(false)

describe('which view', () => {
  test.each([
    [true, true, {}, 'ndjson'],
    [false, true, { TERM: 'xterm' }, 'tasks'],
    [false, false, { TERM: 'xterm' }, 'lines'],
    [false, true, { TERM: 'dumb' }, 'lines'],
    [false, true, { CI: 'true' }, 'lines'],
    [false, true, { CI: 'false' }, 'tasks'],
    [false, true, { ACCESSIBLE: '1' }, 'lines'],
    [false, true, { ACCESSIBLE: '0' }, 'tasks'],
  ] as const)('json %s, terminal %s, %o: %s', (json, isTty, env, kind) => {
    expect(chooseView({ json }, { isTty, env })).toBe(kind)
  })

  // --no-color > --color > NO_COLOR > FORCE_COLOR > TTY / TERM=dumb
  test.each([
    [false, true, { FORCE_COLOR: '1' }, false],
    [true, false, { NO_COLOR: '1', TERM: 'dumb' }, true],
    [undefined, true, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
    [undefined, true, { NO_COLOR: '' }, true],
    [undefined, false, { FORCE_COLOR: '1', TERM: 'dumb' }, true],
    [undefined, true, { FORCE_COLOR: '0' }, false],
    [undefined, true, { TERM: 'xterm' }, true],
    [undefined, true, { TERM: 'dumb' }, false],
    [undefined, false, { TERM: 'xterm' }, false],
  ] as const)('flag %s, terminal %s, %o: colour %s', (flag, isTty, env, colour) => {
    expect(chooseColour(flag, { isTty, env })).toBe(colour)
  })
})

describe('text', () => {
  test('what a terminal would act on is left out', () => {
    expect(plainText('a\u001b[31mred\u001b[0m\u0007\r\tb\u009b')).toBe('ared  b')
  })
  test('cut shows that it cut; wrap keeps long words whole', () => {
    expect(cut('abcdef', 4)).toBe('abc…')
    expect(cut('ab\ncd', 10)).toBe('ab cd')
    expect(wrap('one two /a/very/long/path three', 10, '  ')).toEqual([
      '  one two',
      '  /a/very/long/path',
      '  three',
    ])
  })
})

function collect(view: (out: PassThrough) => View) {
  const out = new PassThrough()
  const made = view(out)
  const text = () => out.read()?.toString() ?? ''
  const emit = (event: EventBody, at = '2026-01-01T00:00:00.000Z') => made.emit({ at, ...event })
  return { made, emit, text }
}
const step = { step: '1.aws.apply-cluster', cloud: 'aws', title: 'Cluster' } as const
const settings = { colour: false, quiet: false, verbose: false, githubActions: false }
const started: EventBody = { type: 'step-started', ...step, why: 'not there yet' }
const progress: EventBody = { type: 'step-progress', step: step.step, cloud: 'aws', message: 'creating' }

describe('lines', () => {
  test('the heartbeat says what it waits for and how long', async () => {
    let now = Date.parse('2026-01-01T00:00:00.000Z')
    const view = collect(out => linesView(out, { ...settings, heartbeatMs: 10, now: () => new Date(now) }))
    view.emit(started)
    view.emit(progress)
    view.emit(progress)
    view.text()
    now += 185_000
    await expect
      .poll(() => view.text(), { timeout: 5000 })
      .toBe('aws/apply-cluster: still at it after 3 min 05 s: creating\n')
    await view.made.close()
  })

  test('GitHub Actions: what passed is folded, what failed is open and annotated, encoded', async () => {
    const view = collect(out => linesView(out, { ...settings, githubActions: true }))
    view.emit(started)
    view.emit(progress)
    view.emit({ type: 'step-finished', ...step, state: 'done', why: 'not there yet', durationMs: 5 })
    expect(view.text().split('\n')).toEqual([
      'aws/apply-cluster: started: not there yet',
      '::group::aws/apply-cluster: done: not there yet',
      'aws/apply-cluster: creating',
      '::endgroup::',
      '',
    ])
    view.emit(started)
    view.emit(progress)
    const error = {
      code: 'MLP3004',
      owner: 'cloud-administrator',
      retryable: false,
      summary: '100% used\nask',
      remedy: [],
    }
    view.emit({ type: 'step-finished', ...step, state: 'failed', why: 'no quota', durationMs: 5, error })
    expect(view.text().split('\n').slice(1)).toEqual([
      'aws/apply-cluster: creating',
      'aws/apply-cluster: failed: no quota',
      '::error title=1.aws.apply-cluster::MLP3004 100%25 used%0Aask',
      '',
    ])
    await view.made.close()
  })

  test('quiet tells problems only; a prompt holds lines back', async () => {
    const view = collect(out => linesView(out, { ...settings, quiet: true }))
    view.emit(started)
    view.emit(progress)
    view.emit({ type: 'step-finished', ...step, state: 'done', why: '', durationMs: 5 })
    view.emit({ type: 'notice', level: 'info', message: 'fine' })
    expect(view.text()).toBe('')
    const resume = view.made.pause()
    view.emit({ type: 'notice', level: 'warning', message: 'hm' })
    expect(view.text()).toBe('')
    resume()
    expect(view.text()).toBe('warning: hm\n')
    await view.made.close()
  })

  test('an interrupt says what is finishing, the second what is lost', async () => {
    const view = collect(out => linesView(out, settings))
    view.emit({ type: 'interrupt', signal: 'SIGINT', count: 1, finishing: [step.step] })
    view.emit({ type: 'interrupt', signal: 'SIGINT', count: 2, finishing: [step.step] })
    expect(view.text().trimEnd().split('\n')).toEqual([
      'SIGINT: finishing aws/apply-cluster; once more leaves them unknown',
      'SIGINT again: killing aws/apply-cluster; what they left is unknown until the next run asks',
    ])
    await view.made.close()
  })

  test('teardown’s end lists what was kept and what is left', async () => {
    const view = collect(out => linesView(out, settings))
    const thing = { cloud: 'aws', type: 'bucket', id: 'b', name: 'ml-data', reason: 'holds data' }
    view.emit({
      type: 'run-finished',
      result: 'failed',
      exitCode: 3,
      durationMs: 1,
      done: 1,
      skipped: 0,
      failed: 1,
      total: 2,
      kept: [thing],
      left: [thing],
    })
    expect(view.text()).toContain('kept:\n  aws bucket ml-data: holds data\nleft behind:\n')
    await view.made.close()
  })
})

test('NDJSON keeps to the contract', async () => {
  const view = collect(out => ndjsonView(out, '0.1.0', () => new Date(0)))
  view.emit({
    type: 'run-finished',
    result: 'ok',
    exitCode: 0,
    durationMs: 1,
    done: 1,
    skipped: 0,
    failed: 0,
    total: 1,
  })
  const [first = '', last = ''] = view.text().split('\n')
  versionEvent.parse(JSON.parse(first))
  runFinishedEvent.parse(JSON.parse(last))
  expect(Object.keys(contractSchemas())).toEqual([
    'status',
    'checks',
    'checklist',
    'login',
    'plan',
    'render',
    'version',
    'gate',
    'run-finished',
  ])
})

describe('checks', () => {
  const row = (id: CheckRow['id'], status: CheckRow['status'], detail = `${id} said so`): CheckRow => ({
    id,
    phase: 1,
    cloud: 'aws',
    title: `title ${id}`,
    status,
    detail,
    remedy: status === 'fail' ? ['mlp bootstrap'] : [],
    durationMs: 1500,
  })
  const rows = [
    row('1.aws.a', 'pass'),
    row('1.aws.b', 'fail', '<gone> & "lost"'),
    row('1.aws.c', 'blocked'),
    row('1.aws.d', 'warn'),
  ]
  const options = { columns: 80, palette: plain, output: 'full' as const, categoryOf: () => 'AWS' }

  test('marks, hints below, totals, and the failed ones again at the end', () => {
    expect(checkReport(rows, options)).toEqual([
      'AWS',
      '---',
      '√ title 1.aws.a',
      '× title 1.aws.b',
      '    aws: <gone> & "lost"',
      '    -> mlp bootstrap',
      '    1.aws.b',
      '! title 1.aws.c',
      '    blocked: 1.aws.c said so',
      '‼ title 1.aws.d',
      '    aws: 1.aws.d said so',
      '    1.aws.d',
      '',
      '× 1/4 failed, 1 warned, 1 blocked',
      '× 1.aws.b: <gone> & "lost"',
    ])
  })
  test('short shows problems only; a warning never makes unhealthy', () => {
    expect(checkReport(rows, { ...options, output: 'short' }).join('\n')).not.toContain('1.aws.a')
    expect(checkJson(rows).healthy).toBe(false)
    expect(checkJson([row('1.aws.d', 'warn'), row('1.aws.e', 'skipped')]).healthy).toBe(true)
    expect(checkJson([]).healthy).toBe(false)
  })
  test('as JSON on standard output when asked for', () => {
    const stdout = new PassThrough()
    const shown = { color: undefined, output: 'full' as const, categoryOf: () => 'phase 1, AWS' }
    showChecks(rows, { ...shown, json: true }, { stdout, env: {} })
    expect(JSON.parse(stdout.read().toString())).toMatchObject({ schemaVersion: 1, healthy: false })
    showChecks(rows, { ...shown, json: false }, { stdout, env: {} })
    expect(stdout.read().toString()).toContain('phase 1, AWS\n')
  })
  test('JUnit: counts by kind, and what XML needs escaped', () => {
    const xml = junitXml(rows)
    expect(xml).toContain('tests="4" failures="1" errors="0" skipped="1" time="6.000"')
    expect(xml).toContain('<failure message="&lt;gone&gt; &amp; &quot;lost&quot;">')
  })
})

describe('status', () => {
  const record: StepRecord = {
    state: 'done',
    inputs: {},
    inputsHash: '',
    outputs: {},
    startedAt: '2026-01-01T00:00:00.000Z',
    finishedAt: '2026-01-01T00:01:00.000Z',
    checkedAt: '2026-01-01T00:01:00.000Z',
    runId: 'r',
    by: 'ada@host',
    why: 'not there yet',
  }
  const phases = [
    {
      number: 1,
      name: 'infrastructure',
      steps: [
        { id: '1.aws.net', cloud: 'aws' },
        { id: '1.gcp.net', cloud: 'gcp' },
      ],
    },
    { number: 2, name: 'kubernetes', steps: [{ id: '2.aws.names', cloud: 'aws' }] },
  ]
  const input = {
    target: 'sandbox',
    project: 'ml-platform',
    environment: 'dev',
    phases,
    holder: undefined,
    record: { place: null, problem: null },
  } as const
  const holder: LeaseHolder = {
    id: '7f3c',
    user: 'ada',
    host: 'laptop',
    machine: 'm',
    pid: 42,
    processStartedAt: '1',
    command: 'mlp bootstrap',
    since: '2026-01-01T01:59:00.000Z',
    renewedAt: '2026-01-01T02:00:30.000Z',
    step: '1.gcp.net',
    released: false,
  }
  const show = (records: ReadonlyMap<string, StepRecord>, more: Partial<StatusInput> = {}) =>
    statusReport(statusJson({ ...input, records, ...more }), {
      columns: 80,
      palette: plain,
      now: new Date('2026-01-01T02:01:00Z'),
    })

  test('one row a cloud, then problems, then the next command; and how old the news is', () => {
    const killed: StepRecord = { ...record, state: 'running', finishedAt: null }
    expect(
      show(
        new Map([
          ['1.aws.net', record],
          ['1.gcp.net', killed],
        ]),
      ),
    ).toEqual([
      'ml-platform (dev) on sandbox, as of 2 h ago',
      '',
      '√ 1 infrastructure aws   1/1, 2 h ago by ada@host',
      '× 1 infrastructure gcp   0/1',
      '- 2 kubernetes     aws   0/1',
      '',
      'problems:',
      '  1.gcp.net: a run was killed here; the next one asks the world and goes on',
      '',
      'next: mlp bootstrap',
    ])
    const atWork = show(new Map([['1.gcp.net', killed]]), { holder }).join('\n')
    expect(atWork).toContain('‼ 1 infrastructure gcp')
    expect(atWork).toContain(
      'at work: ada on laptop (process 42), mlp bootstrap, 2 min ago, at 1.gcp.net,\nlast heard of 30 s ago; lock 7f3c',
    )
  })
  test('where it is known from, or why only from here', () => {
    const record = { place: 's3://bucket/mlp', problem: null }
    expect(show(new Map(), { record })).toContain('known from s3://bucket/mlp')
    const problem = 'the sandbox does not run'
    expect(show(new Map(), { record: { place: null, problem } })).toContain(
      `known from this machine only: ${problem}`,
    )
  })
  test('nothing done yet; all done', () => {
    expect(show(new Map())[0]).toContain('nothing done yet')
    const all = new Map(phases.flatMap(({ steps }) => steps.map(({ id }) => [id, record] as const)))
    expect(show(all).at(-1)).toBe('next: mlp verify')
  })
  test('a failure is told by its code', () => {
    const failed: StepRecord = { ...record, state: 'failed', error: { code: 'MLP3004', summary: 'no quota' } }
    expect(show(new Map([['1.aws.net', failed]])).join('\n')).toContain('1.aws.net: MLP3004 no quota')
  })
})

const noCosts = { clouds: [], added: [], config: { budget: undefined, clouds: {} }, prices: 'real' as const }

describe('plan', () => {
  const cost = { amount: 70, currency: 'USD', source: 'list', asOf: '2026-01-01' }
  const action = {
    step: '1.aws.apply-foundation',
    cloud: 'aws',
    subject: 'aws_db_instance.main',
    action: 'replace',
    why: 'engine changes',
    destroysData: true,
    seconds: 60,
    monthlyCost: cost,
    command: 'terraform plan',
  } as const
  const plan = {
    actions: [
      action,
      {
        ...action,
        subject: 'aws_vpc.main',
        action: 'create',
        destroysData: false,
        monthlyCost: null,
      } as const,
    ],
    unchanged: ['1.aws.prepare'],
    errors: [
      {
        step: '1.gcp.prepare' as const,
        error: new MlpError({ code: 'MLP3001', summary: 'expired', remedy: ['mlp login gcp'] }),
      },
    ],
    quotas: [
      { cloud: 'aws' as const, name: 'VPCs', needed: 1, wanted: 1, used: 5, limit: 5, remedy: 'Ask.' },
      { cloud: 'gcp' as const, name: 'CPUS', needed: 4, wanted: 20, used: 0, limit: 200, remedy: 'Ask.' },
    ],
    costs: noCosts,
  }
  test('what loses data comes first, the literal commands and the counts last', () => {
    const lines = planReport(plan, { columns: 80, palette: plain, verbose: false })
    expect(lines.slice(0, 2)).toEqual(['‼ loses data:', '  aws_db_instance.main'])
    expect(lines).toContain('  ± replace aws_db_instance.main')
    expect(lines).toContain('    -> mlp login gcp')
    expect(lines.filter(line => line.includes('VPCs'))).toEqual([
      '‼ aws: VPCs: 1 wanted, 5 allowed, 5 in use',
    ])
    expect(lines.join('\n')).not.toContain('CPUS')
    expect(lines.filter(line => line === '  terraform plan')).toHaveLength(1)
    expect(lines.at(-1)).toBe('1 to replace, 1 to create, 1 steps as they should be')
  })
  test('nothing to do is said', () => {
    const nothing = { actions: [], unchanged: ['a'], errors: [], quotas: [], costs: noCosts }
    expect(planReport(nothing, { columns: 80, palette: plain, verbose: false }).at(-1)).toBe(
      'Nothing to do: 1 steps as they should be.',
    )
  })
  test('JSON keeps to the contract', () => {
    expect(planJson(plan)).toMatchObject({
      schemaVersion: 1,
      actions: [{ monthlyCost: { amount: 70 } }, { monthlyCost: null }],
      cost: { monthly: [], lines: [], budget: null },
      errors: [{ error: { code: 'MLP3001' } }],
      quotas: [{ cloud: 'aws', name: 'VPCs', needed: 1, wanted: 1, used: 5, allowed: 5 }, { cloud: 'gcp' }],
    })
  })
})
