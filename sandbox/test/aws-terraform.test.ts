import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { aws } from '../src/clouds/aws/index.ts'
import { awsTestConfig, clusterVariables, foundationVariables } from './aws-config.ts'
import { type Harness, startHarness, type TerraformRoot } from './terraform-harness.ts'

const templates = (root: string) =>
  fileURLToPath(new URL(`../../templates/terraform/aws/${root}`, import.meta.url))
const outputsSchema = z
  .record(z.string(), z.object({ value: z.json() }))
  .transform(outputs =>
    Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, output.value])),
  )

describe.each(['dev', 'prod'] as const)('the AWS templates in %s', environment => {
  const config = awsTestConfig(environment)
  let harness: Harness
  let foundation: TerraformRoot
  let cluster: TerraformRoot

  beforeAll(async () => {
    harness = await startHarness([aws])
    foundation = await harness.root({
      templates: templates('foundation'),
      variables: foundationVariables(config),
    })
    await foundation.init()
    await foundation.apply()
    const outputs = outputsSchema.parse(JSON.parse(await foundation.run(['output', '-json'])))
    cluster = await harness.root({
      templates: templates('cluster'),
      variables: clusterVariables(config, outputs),
    })
    await cluster.init()
    await cluster.apply()
  }, 240_000)
  afterAll(() => harness?.close())

  test('are formatted and valid', async () => {
    await foundation.run(['fmt', '-check', templates('foundation')])
    await cluster.run(['fmt', '-check', templates('cluster')])
    await foundation.run(['validate'])
    await cluster.run(['validate'])
  }, 60_000)

  test('plan nothing once applied', async () => {
    expect(await foundation.plan()).toEqual([])
    expect(await cluster.plan()).toEqual([])
  }, 120_000)

  test('mark every taggable resource for adoption', async () => {
    for (const root of [foundation, cluster]) {
      const state = await root.state()
      const unmarked = Object.entries(state).filter(
        ([address, values]) =>
          !address.startsWith('data.') && 'tags_all' in values && markOf(values['tags_all']) === undefined,
      )
      expect(unmarked.map(([address]) => address)).toEqual([])
    }
  }, 60_000)

  test('keep every secret out of the state', async () => {
    const state = JSON.stringify([await foundation.state(), await cluster.state()])
    expect(state).not.toMatch(/"(password|auth_token|secret_key|access_key)":"[^"]+"/)
  }, 60_000)

  test('destroy in reverse and leave nothing but what protection keeps', async () => {
    await cluster.destroy()
    if (environment === 'prod') {
      await expect(foundation.destroy()).rejects.toThrow(/Cannot delete protected DB Instance/)
      const database = harness.world.store.list('aws_db_instance')[0]
      if (database === undefined) throw new Error('the database is gone although it was protected')
      harness.world.store.put('aws_db_instance', database.id, {
        ...database.attributes,
        deletion_protection: false,
      })
    }
    await foundation.destroy()
    const left = harness.world.store.all().map(resource => resource.type)
    const expected =
      environment === 'prod'
        ? ['aws_db_snapshot', 'sandbox:kms-key-pending-deletion']
        : ['sandbox:kms-key-pending-deletion']
    expect(left.sort()).toEqual(expected)
  }, 120_000)
})

function markOf(tags: unknown): string | undefined {
  const parsed = z.record(z.string(), z.string()).safeParse(tags)
  return parsed.success ? parsed.data['mlp.dev/resource'] : undefined
}
