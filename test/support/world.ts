import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { openSqliteStore } from '../../sandbox/src/store/sqlite-store.ts'
import { platformId, shortHash } from '../../src/config/names.ts'
import { kubectlNames } from './kubectl.ts'
import type { Playground } from './mlp.ts'

const identity = { project: 'ml-platform', environment: 'dev' } as const
const secretsSchema = z.looseObject({
  awsAccountId: z.string(),
  gcpProjectId: z.string(),
  azureSubscriptionId: z.string(),
})
/** Where the clouds keep what a thing is called, the plainest first. */
const nameAttributes = ['name', 'bucket', 'identifier', 'replication_group_id', 'user_id', 'account_id']

/**
 * Everything that there is in the simulated clouds and in their clusters, as `kind name` with how often: what the
 * clouds' own APIs project from, so that neither terraform's nor mlp's state can hide anything. What is random by
 * design (account numbers, ids, names of nodes) is taken out, so that two worlds can be compared.
 */
export type InventoryOfWorld = Readonly<Record<string, number>>

export async function readWorld(playground: Playground): Promise<InventoryOfWorld> {
  const secretsFile = join(playground.sandboxHome, 'secrets.json')
  const secrets = secretsSchema.parse(JSON.parse(await readFile(secretsFile, 'utf8')))
  const accounts = [secrets.awsAccountId, secrets.gcpProjectId, secrets.azureSubscriptionId]
  const random = accounts.flatMap(account => [account, shortHash(`${platformId(identity)}/${account}`, 6)])
  const neutral = (text: string) =>
    random
      .reduce((left, each) => left.replaceAll(each, '*'), text)
      .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{6,}/g, '*')
      .replace(/ Node\/.*/, ' Node')
  const store = openSqliteStore(join(playground.sandboxHome, 'store.sqlite'))
  const resources = store.all().map(({ type, attributes }) => `${type} ${nameOf(attributes)}`)
  store[Symbol.dispose]()
  const kubeconfig = join(playground.platformHome, 'kubeconfig')
  const objects = await Promise.all(
    ['aws-dev', 'gcp-dev', 'azure-dev'].map(async context =>
      (await kubectlNames(kubeconfig, context)).map(name => `${context} ${name}`),
    ),
  )
  const counts: Record<string, number> = {}
  for (const each of [...resources, ...objects.flat()].map(neutral).toSorted())
    counts[each] = (counts[each] ?? 0) + 1
  return counts
}

function nameOf(attributes: Readonly<Record<string, unknown>>): string {
  const tags = z.record(z.string(), z.string()).safeParse(attributes['tags'])
  const tagged = tags.success ? (tags.data['mlp.dev/resource'] ?? tags.data['Name']) : undefined
  const named = nameAttributes.map(name => attributes[name]).find(value => typeof value === 'string')
  return tagged ?? (typeof named === 'string' ? named : '')
}
