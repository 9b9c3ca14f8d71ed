import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aws } from '../src/clouds/aws/index.ts'
import { azure } from '../src/clouds/azure/index.ts'
import { gcp } from '../src/clouds/gcp/index.ts'
import { type Harness, startHarness } from './terraform-harness.ts'

const folder = fileURLToPath(new URL('../../templates/terraform', import.meta.url))
const clouds = { aws, gcp, azure }
const subject = 'system:serviceaccount:ml-platform:data-sync'

// All that there are, so that nobody has to remember to name a new one.
describe.each(Object.entries(clouds))('the roots of %s', (name, cloud) => {
  let harness: Harness
  beforeAll(async () => {
    harness = await startHarness([cloud])
  })
  afterAll(() => harness.close())

  test.each(readdirSync(`${folder}/${name}`))(
    '%s is formatted, and valid to terraform and to the provider’s schema',
    { timeout: 120_000 },
    async root => {
      const opened = await harness.root({ templates: `${folder}/${name}/${root}` })
      await opened.run(['fmt', '-check', '-diff', `${folder}/${name}/${root}`])
      await opened.init()
      await opened.run(['validate', '-no-color'])
    },
  )
})

describe('trust in the clusters of other clouds', () => {
  let harness: Harness
  beforeAll(async () => {
    harness = await startHarness([aws])
  })
  afterAll(() => harness.close())

  test('is in one service account of each, and goes without a trace', { timeout: 120_000 }, async () => {
    const variables = {
      ...{ project: 'p', environment: 'dev', owner: 'o', platform_id: 'mlp-test', region: 'us-east-1' },
      account_id: '123456789012',
      names: { role: 'p-dev-data-sync-peers' },
      buckets: ['p-models', 'p-data'],
      kms_key_arn: 'arn:aws:kms:us-east-1:123456789012:key/1',
      subject,
    }
    const issuers = { gcp: 'https://one.example.com/id/1', azure: 'https://two.example.com/id/2' }
    const root = await harness.root({
      templates: `${folder}/aws/peers`,
      variables: { ...variables, issuers },
    })
    await root.init()
    await root.apply()
    expect(await root.plan()).toEqual([])
    const [role] = harness.world.store.list('aws_iam_role')
    const { Statement: statements } = JSON.parse(String(role?.attributes['assume_role_policy']))
    expect(statements.map(({ Condition }: { Condition: object }) => Condition)).toEqual(
      ['two.example.com/id/2', 'one.example.com/id/1'].map(issuer => ({
        StringEquals: { [`${issuer}:aud`]: 'sts.amazonaws.com', [`${issuer}:sub`]: subject },
      })),
    )
    // A teardown of this cloud alone does not know the others.
    await root.write({
      'terraform.tfvars.json': JSON.stringify({ ...variables, kms_key_arn: '', issuers: {} }),
    })
    await root.plan()
    await root.destroy()
    expect(harness.world.store.all()).toEqual([])
  })
})
