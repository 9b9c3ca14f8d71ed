import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { MlpError } from '../../engine/errors.ts'
import type { Leftover } from '../../engine/events.ts'
import { operation, waitForOperation } from './operations.ts'
import type { GcpPlatform } from './platform.ts'

/** APIs that the templates and phase 2 need, by the names `gcloud services enable` takes. */
const neededServices = [
  'artifactregistry.googleapis.com',
  'cloudbilling.googleapis.com',
  'cloudkms.googleapis.com',
  'cloudresourcemanager.googleapis.com',
  'compute.googleapis.com',
  'container.googleapis.com',
  'iam.googleapis.com',
  'iamcredentials.googleapis.com',
  'logging.googleapis.com',
  'monitoring.googleapis.com',
  'networkconnectivity.googleapis.com',
  'redis.googleapis.com',
  'servicenetworking.googleapis.com',
  'sqladmin.googleapis.com',
  'storage.googleapis.com',
] as const

/** The zone of the platform's names, where it is Cloud DNS'; and a budget, where there is one. */
function servicesOf({ config }: GcpPlatform): readonly string[] {
  return [
    ...neededServices,
    ...(config.dns?.cloud === 'gcp' ? ['dns.googleapis.com'] : []),
    ...(config.budget === undefined ? [] : ['billingbudgets.googleapis.com']),
  ]
}

/** Service agents that encrypt with our keys, and that Google makes only when asked. */
const neededAgents = ['sqladmin.googleapis.com', 'container.googleapis.com']

const enableTimeoutMs = 10 * 60_000
const enabledPollMs = 3_000

const billing = z.object({ billingEnabled: z.boolean().default(false) })
const serviceStates = z.object({
  services: z.array(z.object({ name: z.string(), state: z.string().optional() })).default([]),
})
const stateBucket = z.object({
  name: z.string(),
  labels: z.record(z.string(), z.string()).default({}),
  versioning: z.object({ enabled: z.boolean().default(false) }).optional(),
  iamConfiguration: z
    .object({
      publicAccessPrevention: z.string().optional(),
      uniformBucketLevelAccess: z.object({ enabled: z.boolean().default(false) }).optional(),
    })
    .optional(),
})

export async function missingPreparations(
  platform: GcpPlatform,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const [billed, disabled, bucket] = await Promise.all([
    isBilled(platform, signal),
    disabledServices(platform, signal),
    findStateBucket(platform, signal),
  ])
  return [
    ...(billed ? [] : [`billing on project ${platform.project}`]),
    ...disabled.map(service => `API ${service}`),
    ...(bucket !== undefined && bucketMistakes(bucket).length === 0
      ? []
      : [`state bucket ${platform.names.stateBucket}`]),
  ]
}

/** Billing cannot be turned on by mlp: it needs a billing account, which somebody pays. */
export async function prepare(
  platform: GcpPlatform,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<readonly Leftover[]> {
  if (!(await isBilled(platform, signal))) {
    throw new MlpError({
      code: 'MLP3011',
      summary: `Project ${platform.project} has no billing account`,
      detail: 'Without one, Google Cloud creates none of what the platform needs.',
      remedy: [
        'gcloud billing accounts list',
        `gcloud billing projects link ${platform.project} --billing-account ACCOUNT_ID`,
      ],
    })
  }
  const disabled = await disabledServices(platform, signal)
  if (disabled.length > 0) {
    report(`enabling ${disabled.length} APIs`)
    await enableServices(platform, disabled, signal)
    for (const service of neededAgents) await makeAgent(platform, service, signal)
  }
  await ensureStateBucket(platform, signal, report)
  return preparations(platform, signal)
}

export async function preparations(platform: GcpPlatform, signal: AbortSignal): Promise<readonly Leftover[]> {
  const bucket = await findStateBucket(platform, signal)
  if (bucket === undefined) return []
  return [
    {
      cloud: 'gcp',
      type: 'google_storage_bucket',
      id: bucket.name,
      name: bucket.name,
      reason: "terraform's state and mlp's record; enabled APIs stay enabled too",
    },
  ]
}

async function isBilled({ rest, project }: GcpPlatform, signal: AbortSignal): Promise<boolean> {
  const path = `/v1/projects/${project}/billingInfo`
  return (await rest.call({ service: 'cloudbilling', path, answer: billing }, signal)).billingEnabled
}

async function disabledServices(platform: GcpPlatform, signal: AbortSignal): Promise<readonly string[]> {
  const { rest, project } = platform
  const needed = servicesOf(platform)
  const { services } = await rest.call(
    {
      service: 'serviceusage',
      path: `/v1/projects/${project}/services:batchGet`,
      query: { names: needed.map(service => `projects/${project}/services/${service}`) },
      answer: serviceStates,
    },
    signal,
  )
  const enabled = new Set(
    services
      .filter(({ state }) => state === 'ENABLED')
      .map(({ name }) => name.slice(name.lastIndexOf('/') + 1)),
  )
  return needed.filter(service => !enabled.has(service))
}

async function enableServices(
  platform: GcpPlatform,
  services: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const started = await platform.rest.call(
    {
      method: 'POST',
      service: 'serviceusage',
      path: `/v1/projects/${platform.project}/services:batchEnable`,
      body: { serviceIds: services },
      answer: operation,
    },
    signal,
  )
  await waitForOperation(platform.rest, 'serviceusage', started, enableTimeoutMs, signal)
  const deadline = Date.now() + enableTimeoutMs
  for (let left = await disabledServices(platform, signal); left.length > 0; ) {
    if (Date.now() > deadline) {
      throw new MlpError({
        code: 'MLP3008',
        summary: 'Google Cloud enabled some APIs only in part',
        detail: `Still off: ${left.join(', ')}`,
        remedy: [`gcloud services enable ${left.join(' ')}`, 'Then run the same command again.'],
      })
    }
    await delay(enabledPollMs, undefined, { signal })
    left = await disabledServices(platform, signal)
  }
}

async function makeAgent(
  { rest, project }: GcpPlatform,
  service: string,
  signal: AbortSignal,
): Promise<void> {
  const path = `/v1beta1/projects/${project}/services/${service}:generateServiceIdentity`
  const started = await rest.call(
    { method: 'POST', service: 'serviceusage', path, answer: operation },
    signal,
  )
  await waitForOperation(rest, 'serviceusage', started, enableTimeoutMs, signal)
}

async function findStateBucket({ rest, names }: GcpPlatform, signal: AbortSignal) {
  return rest.find(
    { service: 'storage', path: `/storage/v1/b/${names.stateBucket}`, answer: stateBucket },
    signal,
  )
}

function bucketMistakes(bucket: z.output<typeof stateBucket>): readonly string[] {
  const access = bucket.iamConfiguration
  return [
    ...(bucket.versioning?.enabled === true ? [] : ['not versioned']),
    ...(access?.uniformBucketLevelAccess?.enabled === true ? [] : ['access not uniform']),
    ...(access?.publicAccessPrevention === 'enforced' ? [] : ['public access not prevented']),
  ]
}

async function ensureStateBucket(
  platform: GcpPlatform,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  const { rest, names, project, region, labels } = platform
  const wanted = {
    labels,
    versioning: { enabled: true },
    iamConfiguration: { publicAccessPrevention: 'enforced', uniformBucketLevelAccess: { enabled: true } },
  }
  const bucket = await findStateBucket(platform, signal)
  if (bucket === undefined) {
    report(`creating state bucket ${names.stateBucket}`)
    await rest.call(
      {
        method: 'POST',
        service: 'storage',
        path: '/storage/v1/b',
        query: { project },
        body: { name: names.stateBucket, location: region, ...wanted },
        answer: stateBucket,
      },
      signal,
    )
  } else if (bucketMistakes(bucket).length > 0) {
    report(`securing state bucket ${names.stateBucket}: ${bucketMistakes(bucket).join(', ')}`)
    const path = `/storage/v1/b/${names.stateBucket}`
    await rest.call({ method: 'PATCH', service: 'storage', path, body: wanted, answer: stateBucket }, signal)
  }
}
