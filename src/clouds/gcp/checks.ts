import * as z from 'zod'
import type { Finding } from '../../engine/check.ts'
import type { CloudCheck } from '../cloud.ts'
import { sharedWhilePending } from '../while-pending.ts'
import { askCluster } from './container-client.ts'
import type { GcpPlatform } from './platform.ts'

const reapply = 'mlp phase 1 --cloud gcp'

const databaseInstance = z.object({
  state: z.string(),
  databaseVersion: z.string(),
  ipAddresses: z.array(z.object({ type: z.string(), ipAddress: z.string() })).default([]),
  diskEncryptionConfiguration: z.object({ kmsKeyName: z.string() }).optional(),
})
const bucket = z.object({
  name: z.string(),
  versioning: z.object({ enabled: z.boolean().default(false) }).optional(),
  encryption: z.object({ defaultKmsKeyName: z.string().optional() }).optional(),
  iamConfiguration: z.object({ publicAccessPrevention: z.string().optional() }).optional(),
})
const cache = z.object({
  state: z.string(),
  authorizationMode: z.string().optional(),
  transitEncryptionMode: z.string().optional(),
})
const registry = z.object({ name: z.string(), format: z.string() })

/** The guide's phase 1, step 6: everything that terraform made answers in its own service's API. */
export function infrastructureChecks(platform: GcpPlatform): readonly CloudCheck[] {
  const { names, rest, project, region } = platform
  // Two checks look at it side by side.
  const cluster = sharedWhilePending(signal => askCluster(platform, signal))
  return [
    {
      name: 'cluster',
      title: `GKE cluster ${names.cluster} is running`,
      why: 'nothing can be deployed without it',
      async run(signal) {
        const found = await cluster(signal)
        if (found === undefined) return missing(`GKE cluster ${names.cluster} in ${region}`)
        const encrypted = /ENCRYPTED/.test(found.databaseEncryption?.state ?? '')
        return judge(`${found.status}, Kubernetes ${found.currentMasterVersion}`, [
          ...(found.status === 'RUNNING' ? [] : [`its status is ${found.status}, not RUNNING`]),
          ...(encrypted ? [] : ['Kubernetes Secrets are not encrypted with the platform’s key']),
        ])
      },
    },
    {
      name: 'node-pools',
      title: 'Node pools are running',
      why: 'pods have nowhere to run otherwise',
      async run(signal) {
        const found = await cluster(signal)
        if (found === undefined) return missing(`GKE cluster ${names.cluster} in ${region}`)
        if (found.nodePools.length === 0) return missing('a node pool')
        const stopped = found.nodePools.filter(({ status }) => status !== 'RUNNING')
        return judge(
          found.nodePools.map(({ name, status }) => `${name} ${status}`).join(', '),
          stopped.map(({ name, status }) => `node pool ${name} is ${status}`),
        )
      },
    },
    {
      name: 'database',
      title: `Cloud SQL instance ${names.database} is runnable, private and encrypted`,
      why: 'the services keep their records in it',
      async run(signal) {
        const path = `/v1/projects/${project}/instances/${names.database}`
        const found = await rest.find({ service: 'sqladmin', path, answer: databaseInstance }, signal)
        if (found === undefined) return missing(`Cloud SQL instance ${names.database}`)
        const types = found.ipAddresses.map(({ type }) => type)
        return judge(
          `${found.state}, ${found.databaseVersion}, ${types.join(' and ').toLowerCase()} address`,
          [
            ...(found.state === 'RUNNABLE' ? [] : [`its state is ${found.state}, not RUNNABLE`]),
            ...(types.includes('PRIVATE') ? [] : ['it has no private address']),
            ...(types.includes('PRIMARY') ? ['it has a public address'] : []),
            ...(found.diskEncryptionConfiguration === undefined
              ? ['it is not encrypted with the platform’s key']
              : []),
          ],
        )
      },
    },
    {
      name: 'buckets',
      title: 'Buckets for models, data and logs are private, versioned and encrypted',
      why: 'models and data live there',
      async run(signal) {
        const wanted = Object.values<string>(names.buckets)
        const problems = await Promise.all(
          wanted.map(async name => {
            const found = await rest.find(
              { service: 'storage', path: `/storage/v1/b/${name}`, answer: bucket },
              signal,
            )
            if (found === undefined) return [`${name} does not exist`]
            return [
              ...(found.versioning?.enabled === true ? [] : [`${name} is not versioned`]),
              ...(found.iamConfiguration?.publicAccessPrevention === 'enforced'
                ? []
                : [`${name} may become public`]),
              ...(found.encryption?.defaultKmsKeyName === undefined
                ? [`${name} is not encrypted with the platform’s key`]
                : []),
            ]
          }),
        )
        return judge(wanted.join(', '), problems.flat())
      },
    },
    {
      name: 'cache',
      title: `Memorystore for Redis Cluster ${names.cache} is active, by TLS and identity only`,
      why: 'the services share what they computed through it',
      async run(signal) {
        const path = `/v1/projects/${project}/locations/${region}/clusters/${names.cache}`
        const found = await rest.find({ service: 'redis', path, answer: cache }, signal)
        if (found === undefined) return missing(`Memorystore cluster ${names.cache}`)
        return judge(found.state, [
          ...(found.state === 'ACTIVE' ? [] : [`its state is ${found.state}, not ACTIVE`]),
          ...(found.authorizationMode === 'AUTH_MODE_IAM_AUTH'
            ? []
            : ['it lets clients in without an identity']),
          ...(found.transitEncryptionMode === 'TRANSIT_ENCRYPTION_MODE_SERVER_AUTHENTICATION'
            ? []
            : ['it does not insist on TLS']),
        ])
      },
    },
    {
      name: 'registry',
      title: `Artifact Registry repository ${names.registry} takes images`,
      why: 'the cluster pulls the services’ images from it',
      async run(signal) {
        const path = `/v1/projects/${project}/locations/${region}/repositories/${names.registry}`
        const found = await rest.find({ service: 'artifactregistry', path, answer: registry }, signal)
        if (found === undefined) return missing(`Artifact Registry repository ${names.registry}`)
        return judge(
          found.name,
          found.format === 'DOCKER' ? [] : [`its format is ${found.format}, not DOCKER`],
        )
      },
    },
  ]
}

function missing(what: string): Finding {
  return { status: 'fail', detail: `${what} does not exist`, remedy: [reapply] }
}

function judge(detail: string, problems: readonly string[]): Finding {
  return problems.length === 0
    ? { status: 'pass', detail }
    : { status: 'fail', detail: problems.join('; '), remedy: [reapply] }
}
