import * as z from 'zod'
import { platformIdKey } from '../../config/names.ts'
import { MlpError } from '../../engine/errors.ts'
import type { JsonObject } from '../../engine/json.ts'
import type { PlannedResource } from '../cloud.ts'
import { existingBudget } from './budget.ts'
import { findCluster } from './cluster.ts'
import type { GcpPlatform } from './platform.ts'
import type { Service } from './rest.ts'

/** Where a planned resource would be, and the id terraform imports it by. */
interface Place {
  readonly service: Service
  readonly path: string
  readonly importId: string
}

/**
 * Google's names are paths made of what the plan knows, so each type is one line. Types that cannot carry labels are
 * ours by their name, which begins with the platform's.
 */
const places: Readonly<Record<string, (values: Values, platform: GcpPlatform) => Place>> = {
  google_compute_network: (v, p) => compute(p, `global/networks/${v('name')}`),
  google_compute_subnetwork: (v, p) => compute(p, `regions/${p.region}/subnetworks/${v('name')}`),
  google_compute_router: (v, p) => compute(p, `regions/${p.region}/routers/${v('name')}`),
  google_compute_firewall: (v, p) => compute(p, `global/firewalls/${v('name')}`),
  google_compute_global_address: (v, p) => compute(p, `global/addresses/${v('name')}`),
  google_network_connectivity_service_connection_policy: (v, p) =>
    named(
      'networkconnectivity',
      `projects/${p.project}/locations/${v('location')}/serviceConnectionPolicies/${v('name')}`,
    ),
  google_kms_key_ring: (v, p) =>
    named('cloudkms', `projects/${p.project}/locations/${v('location')}/keyRings/${v('name')}`),
  google_kms_crypto_key: (v, p) => named('cloudkms', `${keyRing(p)}/cryptoKeys/${v('name')}`),
  google_sql_database_instance: (v, p) => named('sqladmin', `projects/${p.project}/instances/${v('name')}`),
  google_sql_database: (v, p) =>
    named('sqladmin', `projects/${p.project}/instances/${p.names.database}/databases/${v('name')}`),
  google_redis_cluster: (v, p) =>
    named('redis', `projects/${p.project}/locations/${v('region')}/clusters/${v('name')}`),
  google_storage_bucket: v => ({
    service: 'storage',
    path: `/storage/v1/b/${v('name')}`,
    importId: v('name'),
  }),
  google_artifact_registry_repository: (v, p) =>
    named(
      'artifactregistry',
      `projects/${p.project}/locations/${v('location')}/repositories/${v('repository_id')}`,
    ),
  google_iam_workload_identity_pool: (v, p) => named('iam', `${pools(p)}/${v('workload_identity_pool_id')}`),
  google_iam_workload_identity_pool_provider: (v, p) =>
    named(
      'iam',
      `${pools(p)}/${v('workload_identity_pool_id')}/providers/${v('workload_identity_pool_provider_id')}`,
    ),
  google_service_account: (v, p) =>
    named(
      'iam',
      `projects/${p.project}/serviceAccounts/${v('account_id')}@${p.project}.iam.gserviceaccount.com`,
    ),
}

/** Grants are additive: making one that is there already changes nothing and is no conflict. */
const repeatable = /_iam_member$/

/** What lies in something that is ours by its own name or label. */
const insideOurs: ReadonlySet<string> = new Set(['google_sql_database'])

type Values = (attribute: string) => string

const found = z.looseObject({
  name: z.string().optional(),
  description: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  settings: z.looseObject({ userLabels: z.record(z.string(), z.string()).optional() }).optional(),
})

/**
 * The import id of what terraform plans to create and what is there already; see Cloud.findExisting. Throws MLP3010
 * when somebody else's thing has the name.
 */
export async function findExisting(
  platform: GcpPlatform,
  resource: PlannedResource,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (repeatable.test(resource.type)) return undefined
  const special = specialCases[resource.type]
  if (special !== undefined) return special(platform, resource, signal)
  const locate = places[resource.type]
  if (locate === undefined) throw new Error(`${resource.type} has no place in src/clouds/gcp/existing.ts`)
  const { service, path, importId } = locate(valuesOf(resource), platform)
  const answer = await platform.rest.find({ service, path, answer: found }, signal)
  if (answer === undefined) return undefined
  requireOurs(platform, resource, answer)
  return importId
}

/** What Google keeps inside something else, or knows only by its parent. */
const specialCases: Readonly<
  Record<
    string,
    (platform: GcpPlatform, resource: PlannedResource, signal: AbortSignal) => Promise<string | undefined>
  >
> = {
  google_billing_budget: (platform, _resource, signal) => existingBudget(platform, signal),
  google_container_cluster: async (platform, resource, signal) => {
    const name = valuesOf(resource)('name')
    const cluster = await findCluster(platform, name, signal)
    if (cluster === undefined) return undefined
    requireOurs(platform, resource, { labels: cluster.resourceLabels })
    return `projects/${platform.project}/locations/${platform.region}/clusters/${name}`
  },
  google_container_node_pool: async (platform, resource, signal) => {
    const name = valuesOf(resource)('name')
    const cluster = await findCluster(platform, platform.names.cluster, signal)
    const pool = cluster?.nodePools.find(candidate => candidate.name === name)
    return pool === undefined
      ? undefined
      : `projects/${platform.project}/locations/${platform.region}/clusters/${platform.names.cluster}/nodePools/${name}`
  },
  google_compute_router_nat: async ({ rest, project, region, names }, resource, signal) => {
    const name = valuesOf(resource)('name')
    const path = `/compute/v1/projects/${project}/regions/${region}/routers/${names.router}`
    const answer = z.object({ nats: z.array(z.object({ name: z.string() })).default([]) })
    const router = await rest.find({ service: 'compute', path, answer }, signal)
    return router?.nats.some(nat => nat.name === name) === true
      ? `projects/${project}/regions/${region}/routers/${names.router}/${name}`
      : undefined
  },
  google_service_networking_connection: async ({ rest, project, names }, resource, signal) => {
    const service = valuesOf(resource)('service')
    const number = await projectNumber(rest, project, signal)
    const answer = z.object({
      connections: z.array(z.object({ peering: z.string().optional() })).default([]),
    })
    const network = `projects/${number}/global/networks/${names.network}`
    const path = `/v1/services/${service}/connections`
    const listed = await rest.find({ service: 'servicenetworking', path, query: { network }, answer }, signal)
    return listed === undefined || listed.connections.length === 0
      ? undefined
      : `projects/${project}/global/networks/${names.network}:${service}`
  },
  /** The name of a user is known only once its service account is; the logical key says which one it is. */
  google_sql_user: async ({ rest, project, names }, resource, signal) => {
    const accounts = {
      api_gateway: names.serviceAccounts.apiGateway,
      data_sync: names.serviceAccounts.dataSync,
      mlflow: names.serviceAccounts.mlflow,
      database_admin: names.serviceAccounts.databaseAdmin,
    }
    const key = /\["(\w+)"\]$/.exec(resource.address)?.[1]
    const account = Object.entries(accounts).find(([name]) => name === key)?.[1]
    if (account === undefined) return undefined
    const user = `${account}@${project}.iam`
    const path = `/v1/projects/${project}/instances/${names.database}/users`
    const answer = z.object({ items: z.array(z.object({ name: z.string() })).default([]) })
    const listed = await rest.find({ service: 'sqladmin', path, answer }, signal)
    return listed?.items.some(({ name }) => name === user) === true
      ? `${project}/${names.database}/${user}`
      : undefined
  },
}

export async function projectNumber(
  rest: GcpPlatform['rest'],
  project: string,
  signal: AbortSignal,
): Promise<string> {
  const answer = z.object({ projectNumber: z.string() })
  const path = `/v1/projects/${project}`
  return (await rest.call({ service: 'cloudresourcemanager', path, answer }, signal)).projectNumber
}

function compute(platform: GcpPlatform, below: string): Place {
  const name = `projects/${platform.project}/${below}`
  return { service: 'compute', path: `/compute/v1/${name}`, importId: name }
}

function named(service: Service, name: string): Place {
  return { service, path: `/v1/${name}`, importId: name }
}

function pools({ project }: GcpPlatform): string {
  return `projects/${project}/locations/global/workloadIdentityPools`
}

function keyRing(platform: GcpPlatform): string {
  return `projects/${platform.project}/locations/${platform.region}/keyRings/${platform.names.kmsKeyRing}`
}

function valuesOf({ address, values }: PlannedResource): Values {
  return attribute => {
    const value = values[attribute]
    if (typeof value === 'string' && value !== '') return value
    throw new Error(`${address}: the plan does not know ${attribute}`)
  }
}

function requireOurs(platform: GcpPlatform, resource: PlannedResource, answer: z.output<typeof found>): void {
  const labels = answer.labels ?? answer.settings?.userLabels
  const ours =
    labels === undefined
      ? insideOurs.has(resource.type) ||
        beginsWithOurName(platform, resource.values) ||
        answer.description?.includes(platform.platformId) === true
      : labels[platformIdKey.gcp] === platform.platformId
  if (ours) return
  throw new MlpError({
    code: 'MLP3010',
    summary: `${resource.address} exists in project ${platform.project} and does not belong to this platform`,
    detail: `It does not carry the label ${platformIdKey.gcp}=${platform.platformId}, so mlp will not take it over.`,
    remedy: ['Choose another project name in mlp.yaml, or remove or rename the other one by hand.'],
  })
}

function beginsWithOurName({ names }: GcpPlatform, values: JsonObject): boolean {
  const name = values['name'] ?? values['account_id']
  return (
    typeof name === 'string' &&
    (name.startsWith(names.base) || Object.values<string>(names.serviceAccounts).includes(name))
  )
}
