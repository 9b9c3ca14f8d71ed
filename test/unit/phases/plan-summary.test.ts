import { describe, expect, it } from 'vitest'
import {
  describe as describePlan,
  losesData,
  plannedActions,
  summarise,
} from '../../../src/phases/1-infrastructure/plan-summary.ts'
import type { Change, Plan } from '../../../src/tools/terraform/plan-document.ts'

const change = (kind: Change['kind'], address: string, because: readonly string[] = []): Change => ({
  address,
  type: address.split('.')[0] ?? '',
  kind,
  tainted: false,
  because,
  after: {},
  id: undefined,
})
const plan = (changes: readonly Change[], outputsChange = false): Plan => ({
  changes,
  outputsChange,
  hadState: true,
  existingTypes: [],
})

describe('a plan for people', () => {
  it.each([
    [plan([]), 'nothing to change'],
    [plan([], true), 'only outputs change'],
    [
      plan([
        change('create', 'aws_vpc.main'),
        change('create', 'aws_subnet.a'),
        change('change', 'aws_vpc.x'),
      ]),
      '2 to create, 1 to change',
    ],
    [plan([change('destroy', 'aws_nat_gateway.a')]), '1 to destroy'],
    [plan([change('replace', 'aws_db_instance.main')]), '1 to replace (loses data: aws_db_instance.main)'],
  ])('summary %#', (given, expected) => {
    expect(summarise(given)).toBe(expected)
  })

  it('puts what loses data first and says what forces it', () => {
    const lines = describePlan(
      plan([
        change('create', 'aws_vpc.main'),
        change('destroy', 'aws_vpc.old'),
        change('replace', 'aws_db_instance.main', ['engine']),
      ]),
    )
    expect(lines).toEqual([
      'replace aws_db_instance.main (because of engine)',
      'destroy aws_vpc.old',
      'create aws_vpc.main',
    ])
  })

  it('asks about data only when it is destroyed or replaced', () => {
    const given = plan([
      change('create', 'aws_s3_bucket.a'),
      change('change', 'aws_s3_bucket.b'),
      change('destroy', 'aws_s3_bucket.c'),
      change('destroy', 'aws_vpc.d'),
    ])
    expect(losesData(given).map(({ address }) => address)).toEqual(['aws_s3_bucket.c'])
    expect(
      plannedActions(given, '1.aws.apply-foundation', 'aws', 'terraform plan').map(
        ({ destroysData }) => destroysData,
      ),
    ).toEqual([false, false, true, false])
  })
})
