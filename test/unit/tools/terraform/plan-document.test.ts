import { describe, expect, it } from 'vitest'
import { parsePlan, plannedResource } from '../../../../src/tools/terraform/plan-document.ts'

const change = (actions: readonly string[], extra: object = {}, mode = 'managed') => ({
  address: 'aws_s3_bucket.data',
  mode,
  type: 'aws_s3_bucket',
  change: { actions, after: { bucket: 'ml-platform-data' }, ...extra },
})
const document = (changes: readonly object[], extra: object = {}) =>
  JSON.stringify({ format_version: '1.2', resource_changes: changes, ...extra })
const kind = (actions: readonly string[], extra: object = {}) =>
  parsePlan(document([change(actions, extra)])).changes[0]?.kind

describe('parsePlan', () => {
  it.each([
    [['create'], {}, 'create'],
    [['update'], {}, 'change'],
    [['delete'], {}, 'destroy'],
    [['forget'], {}, 'destroy'],
    [['delete', 'create'], {}, 'replace'],
    [['create', 'delete'], {}, 'replace'],
    [['no-op'], { importing: { id: 'x' } }, 'adopt'],
    [['update'], { importing: { id: 'x' } }, 'adopt'],
    [['no-op'], {}, undefined],
    [['read'], {}, undefined],
  ])('%j %j is %s', (actions, extra, expected) => {
    expect(kind(actions, extra)).toBe(expected)
  })

  it('names the attributes that force a replacement', () => {
    const plan = parsePlan(
      document([
        change(['delete', 'create'], { replace_paths: [['vpc_config', 0, 'subnet_ids'], ['name']] }),
      ]),
    )
    expect(plan.changes[0]?.because).toEqual(['vpc_config.0.subnet_ids', 'name'])
  })

  it('leaves data sources out', () => {
    expect(parsePlan(document([change(['create'], {}, 'data')])).changes).toEqual([])
  })

  it('sees that only outputs change', () => {
    const plan = parsePlan(
      document([], { output_changes: { endpoint: { actions: ['update'] }, name: { actions: ['no-op'] } } }),
    )
    expect(plan).toMatchObject({ changes: [], outputsChange: true })
  })

  it('knows a first plan from a later one, and what the state holds', () => {
    expect(parsePlan(document([change(['create'])]))).toMatchObject({ hadState: false, existingTypes: [] })
    expect(parsePlan(document([change(['no-op']), change(['update'])]))).toMatchObject({
      hadState: true,
      existingTypes: ['aws_s3_bucket'],
    })
  })

  it('refuses a format it does not know rather than seeing no changes in it', () => {
    expect(() => parsePlan(JSON.stringify({ format_version: '2.0' }))).toThrow()
  })

  it('tells what is replaced only because its creation did not end well', () => {
    const replaced = change(['delete', 'create'], { replace_paths: [['name']] })
    const plan = parsePlan(
      document([
        { ...replaced, action_reason: 'replace_because_tainted' },
        { ...replaced, action_reason: 'replace_because_cannot_update' },
        replaced,
      ]),
    )
    expect(plan.changes.map(({ tainted }) => tainted)).toEqual([true, false, false])
  })

  it('hands a change on as what it would make, with the planned values', () => {
    const plan = parsePlan(document([change(['create'])]))
    expect(plan.changes.map(plannedResource)).toEqual([
      { address: 'aws_s3_bucket.data', type: 'aws_s3_bucket', values: { bucket: 'ml-platform-data' } },
    ])
  })
})
