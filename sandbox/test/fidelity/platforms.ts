import { copyFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { aws } from '../../src/clouds/aws/index.ts'
import { azure } from '../../src/clouds/azure/index.ts'
import { gcp } from '../../src/clouds/gcp/index.ts'
import type { SimulatedCloud } from '../../src/simulated-cloud.ts'
import type { Attributes } from '../../src/store/resource-store.ts'
import { openSqliteStore } from '../../src/store/sqlite-store.ts'
import type { World } from '../../src/world.ts'
import { awsTestConfig, clusterVariables, foundationVariables } from '../aws-config.ts'
import { startAwsHarness } from '../aws-fixture.ts'
import { type AzureCase, azureTestConfig, startAzure } from '../azure-fixtures.ts'
import * as gcpFixture from '../gcp-fixture.ts'
import { startGcpHarness } from '../gcp-fixture.ts'
import { type Harness, type TerraformRoot, testSecrets } from '../terraform-harness.ts'

/** Every template of one cloud, applied by the real terraform. */
export interface StandingPlatform {
  readonly cloud: SimulatedCloud
  readonly provider: Attributes
  readonly harness: Harness
  readonly roots: readonly TerraformRoot[]
  /** The same world over a copy of its store, in which anything may be broken. */
  copy(): Promise<World & { readonly store: Disposable }>
  close(): Promise<void>
}

/** What each needs so that no resource of the templates is left out: production, with GPU nodes, every database. */
export const platformStarters: Readonly<Record<string, () => Promise<StandingPlatform>>> = {
  aws: startAws,
  gcp: startGcp,
  'azure with PostgreSQL': () => startAzurePlatform({ engine: 'postgresql', gpu: true }),
  'azure with Azure SQL': () => startAzurePlatform({ engine: 'azure-sql' }),
}

const budget = { amount: 3000, currency: 'USD', notify: ['ops@example.com'] }

type Variables = Readonly<Record<string, unknown>>
const outputs = z.record(z.string(), z.object({ value: z.json() }))

async function startAws(): Promise<StandingPlatform> {
  const harness = await startAwsHarness()
  const config = { ...awsTestConfig('prod'), budget }
  const administrators = { operations: `arn:aws:iam::${testSecrets.awsAccountId}:role/operations` }
  const roots = await applyRoots(harness, 'aws', foundationVariables(config), foundation => ({
    ...clusterVariables(config, foundation),
    administrators,
  }))
  return platform(aws, { region: 'us-east-1' }, harness, roots, () => harness.close())
}

async function startGcp(): Promise<StandingPlatform> {
  const harness = await startGcpHarness()
  const { project } = harness
  const roots = await applyRoots(
    harness,
    'gcp',
    { ...gcpFixture.foundationVariables(project, 'prod'), budget: { name: 'ml-platform-prod', ...budget } },
    foundation => gcpFixture.clusterVariables(project, 'prod', foundation),
  )
  return platform(gcp, { project, region: 'us-central1' }, harness, roots, () => harness.close())
}

async function startAzurePlatform(options: AzureCase): Promise<StandingPlatform> {
  const fixture = await startAzure()
  const { harness } = fixture
  const config = { ...azureTestConfig({ environment: 'prod', ...options }), budget }
  const cloud = fixture.cloud(config)
  await cloud.prepare(AbortSignal.timeout(60_000), () => undefined)
  const roots = await applyRoots(harness, 'azure', cloud.variables('foundation', undefined), foundation =>
    cloud.variables('cluster', foundation),
  )
  const provider = { subscription_id: harness.world.secrets.azureSubscriptionId, features: [{}] }
  return platform(azure, provider, harness, roots, async () => fixture[Symbol.asyncDispose]())
}

async function applyRoots(
  harness: Harness,
  cloud: 'aws' | 'gcp' | 'azure',
  foundationVariables: Variables,
  clusterVariables: (foundation: z.output<typeof foundationOutputs>) => Variables,
): Promise<readonly TerraformRoot[]> {
  const open = async (root: 'foundation' | 'cluster', variables: Variables) => {
    const templates = fileURLToPath(new URL(`../../../templates/terraform/${cloud}/${root}`, import.meta.url))
    const opened = await harness.root({ templates, variables })
    await opened.init()
    await opened.apply()
    return opened
  }
  const foundation = await open('foundation', foundationVariables)
  const facts = foundationOutputs.parse(JSON.parse(await foundation.run(['output', '-json'])))
  return [foundation, await open('cluster', clusterVariables(facts))]
}

const foundationOutputs = outputs.transform(named =>
  Object.fromEntries(Object.entries(named).map(([name, { value }]) => [name, value])),
)

function platform(
  cloud: SimulatedCloud,
  provider: Attributes,
  harness: Harness,
  roots: readonly TerraformRoot[],
  close: () => Promise<void>,
): StandingPlatform {
  const folder = dirname(roots[0]?.folder ?? '')
  const frozen = join(folder, 'frozen.sqlite')
  const database = new DatabaseSync(join(folder, 'store.sqlite'))
  database.exec(`VACUUM INTO '${frozen}'`)
  database.close()
  let copies = 0
  return {
    cloud,
    provider,
    harness,
    roots,
    close,
    async copy() {
      const file = join(folder, `copy-${copies++}.sqlite`)
      await copyFile(frozen, file)
      return { ...harness.world, store: openSqliteStore(file) }
    },
  }
}
