import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { behaviours } from '../src/clouds/gcp/behaviours/all.ts'
import {
  clusterVariables,
  type EnvironmentName,
  foundationVariables,
  type GcpHarness,
  startGcpHarness,
  templates,
} from './gcp-fixture.ts'
import type { TerraformRoot } from './terraform-harness.ts'

const outputs = z.record(z.string(), z.object({ value: z.unknown() }))
const minutes = 60_000

async function outputsOf(root: TerraformRoot): Promise<Record<string, unknown>> {
  const parsed = outputs.parse(JSON.parse(await root.run(['output', '-json'])))
  return Object.fromEntries(Object.entries(parsed).map(([name, { value }]) => [name, value]))
}

describe('Google Cloud templates', () => {
  it('use only types that have a behaviour with a source', () => {
    const used = ['foundation', 'cluster'].flatMap(root =>
      readdirSync(`${templates}/${root}`).flatMap(file =>
        [...readFileSync(`${templates}/${root}/${file}`, 'utf8').matchAll(/^resource "(\w+)"/gm)].map(
          match => match[1],
        ),
      ),
    )
    const known = new Map(behaviours.map(behaviour => [behaviour.type, behaviour.source]))
    for (const type of new Set(used))
      expect(known.get(type ?? ''), type).toMatch(/^https:\/\/cloud\.google\.com\//)
    expect(used.length).toBeGreaterThan(20)
  })
})

describe.each<EnvironmentName>(['dev', 'prod'])('terraform on Google Cloud, %s', environment => {
  let harness: GcpHarness
  beforeAll(async () => {
    harness = await startGcpHarness()
  }, minutes)
  afterAll(() => harness.close(), minutes)

  it(
    'applies both roots, plans no change, and destroys all but what Google keeps',
    async () => {
      const { project, world } = harness
      const foundation = await harness.root({
        templates: `${templates}/foundation`,
        variables: foundationVariables(project, environment),
      })
      await foundation.init()
      await foundation.run(['validate', '-no-color'])
      await foundation.apply()
      expect(await foundation.plan()).toEqual([])

      const cluster = await harness.root({
        templates: `${templates}/cluster`,
        variables: clusterVariables(project, environment, await outputsOf(foundation)),
      })
      await cluster.init()
      await cluster.run(['validate', '-no-color'])
      await cluster.apply()
      expect(await cluster.plan()).toEqual([])

      const pools = world.store.list('google_container_node_pool').map(({ attributes }) => attributes['name'])
      expect(pools.sort()).toEqual(environment === 'prod' ? ['general', 'gpu'] : ['general'])

      await cluster.destroy()
      if (environment === 'prod') {
        await expect(foundation.destroy()).rejects.toThrow(
          /deletion_protection_enabled=false|protected from deletion/,
        )
        // As `mlp teardown --destroy-data` does through the services' APIs; terraform sees it when it refreshes.
        for (const type of ['google_redis_cluster', 'google_sql_database_instance']) {
          for (const { id, attributes } of world.store.list(type)) {
            const settings = Array.isArray(attributes['settings'])
              ? attributes['settings'].map(setting => ({ ...setting, deletion_protection_enabled: false }))
              : []
            world.store.put(type, id, { ...attributes, deletion_protection_enabled: false, settings })
          }
        }
      }
      await foundation.destroy()
      const left = [...new Set(world.store.all().map(({ type }) => type))].sort()
      expect(left).toEqual(['google_kms_crypto_key', 'google_kms_key_ring'])
    },
    8 * minutes,
  )
})
