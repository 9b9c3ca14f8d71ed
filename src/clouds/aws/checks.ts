import type { Finding } from '../../engine/check.ts'
import { MlpError } from '../../engine/errors.ts'
import type { CloudCheck } from '../cloud.ts'
import { cluster } from './cluster.ts'
import { type AwsPlatform, find } from './platform.ts'

const bootstrap = ['Run `mlp phase infrastructure`.']

/** The guide's Step 6 for AWS: each thing is there and is as it should be, as AWS itself says. */
export function infrastructureChecks(platform: AwsPlatform): readonly CloudCheck[] {
  const checks: readonly CloudCheck[] = [
    {
      name: 'cluster',
      title: 'EKS cluster is active',
      why: 'without its control plane nothing can be deployed',
      run: async signal => {
        const found = await cluster(platform, signal)
        if (found === undefined) return fail(`there is no cluster ${platform.names.cluster}`)
        return found.status === 'ACTIVE'
          ? pass(`${found.name} is ACTIVE, Kubernetes ${found.version}`)
          : fail(`${found.name} is ${found.status}`)
      },
    },
    {
      name: 'node-groups',
      title: 'Node groups are active',
      why: 'without nodes no pod can run',
      run: signal => nodeGroups(platform, signal),
    },
    {
      name: 'database',
      title: 'PostgreSQL is available, encrypted and private',
      why: 'services keep their state there',
      run: signal => database(platform, signal),
    },
    {
      name: 'buckets',
      title: 'Buckets are there, versioned and private',
      why: 'models and data live there',
      run: signal => buckets(platform, signal),
    },
    {
      name: 'cache',
      title: 'Cache is available with TLS',
      why: 'services answer slowly or not at all without it',
      run: signal => cache(platform, signal),
    },
    {
      name: 'registry',
      title: 'Image repositories are there',
      why: 'no image can be pushed or pulled without them',
      run: signal => registry(platform, signal),
    },
  ]
  return checks.map(check => ({ ...check, run: signal => couldLook(() => check.run(signal)) }))
}

/** A check that could not look is an error, never a pass. */
async function couldLook(run: () => Promise<Finding>): Promise<Finding> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof MlpError)) throw error
    return { status: 'error', detail: `${error.message}: ${error.detail ?? ''}`, remedy: error.remedy }
  }
}

async function nodeGroups(platform: AwsPlatform, abortSignal: AbortSignal): Promise<Finding> {
  const { DescribeNodegroupCommand } = await import('@aws-sdk/client-eks')
  const eks = await platform.clients.eks()
  const { cluster: clusterName, nodeGroups: names } = platform.names
  const wanted = platform.aws.gpuNodes === undefined ? [names.general] : [names.general, names.gpu]
  const states = await Promise.all(
    wanted.map(async nodegroupName => {
      const answer = await find(`describing node group ${nodegroupName}`, () =>
        eks.send(new DescribeNodegroupCommand({ clusterName, nodegroupName }), { abortSignal }),
      )
      return { name: nodegroupName, status: answer?.nodegroup?.status ?? 'missing' }
    }),
  )
  const bad = states.filter(({ status }) => status !== 'ACTIVE')
  return bad.length === 0
    ? pass(`${wanted.join(', ')} ACTIVE`)
    : fail(bad.map(({ name, status }) => `${name} is ${status}`).join(', '))
}

async function database({ names, clients }: AwsPlatform, abortSignal: AbortSignal): Promise<Finding> {
  const { DescribeDBInstancesCommand } = await import('@aws-sdk/client-rds')
  const rds = await clients.rds()
  const answer = await find('describing the database', () =>
    rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: names.database }), { abortSignal }),
  )
  const found = answer?.DBInstances?.[0]
  if (found === undefined) return fail(`there is no database ${names.database}`)
  const problems = [
    found.DBInstanceStatus === 'available' ? undefined : `is ${found.DBInstanceStatus}`,
    found.StorageEncrypted === true ? undefined : 'is not encrypted',
    found.PubliclyAccessible === false ? undefined : 'is publicly accessible',
  ].filter(problem => problem !== undefined)
  return problems.length === 0
    ? pass(`${names.database} available, ${found.Engine} ${found.EngineVersion}`)
    : fail(`${names.database} ${problems.join(', ')}`)
}

async function buckets(platform: AwsPlatform, abortSignal: AbortSignal): Promise<Finding> {
  const { GetBucketVersioningCommand, GetPublicAccessBlockCommand } = await import('./s3.ts')
  const s3 = await platform.clients.s3()
  const names = Object.values(platform.names.buckets)
  const problems = await Promise.all(
    names.map(async Bucket => {
      const versioning = await find(`reading bucket ${Bucket}`, () =>
        s3.send(new GetBucketVersioningCommand({ Bucket }), { abortSignal }),
      )
      if (versioning === undefined) return `${Bucket} is missing`
      if (versioning.Status !== 'Enabled') return `${Bucket} keeps no versions`
      const access = await find(`reading bucket ${Bucket}`, () =>
        s3.send(new GetPublicAccessBlockCommand({ Bucket }), { abortSignal }),
      )
      const block = access?.PublicAccessBlockConfiguration
      return block?.BlockPublicPolicy === true && block.RestrictPublicBuckets === true
        ? undefined
        : `${Bucket} could be made public`
    }),
  )
  const bad = problems.filter(problem => problem !== undefined)
  return bad.length === 0 ? pass(`${names.join(', ')} versioned and private`) : fail(bad.join(', '))
}

async function cache({ names, clients }: AwsPlatform, abortSignal: AbortSignal): Promise<Finding> {
  const { DescribeReplicationGroupsCommand } = await import('@aws-sdk/client-elasticache')
  const elasticache = await clients.elasticache()
  const answer = await find('describing the cache', () =>
    elasticache.send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: names.cache }), {
      abortSignal,
    }),
  )
  const found = answer?.ReplicationGroups?.[0]
  if (found === undefined) return fail(`there is no cache ${names.cache}`)
  if (found.Status !== 'available') return fail(`${names.cache} is ${found.Status}`)
  return found.TransitEncryptionEnabled === true
    ? pass(`${names.cache} available with TLS`)
    : fail(`${names.cache} speaks without TLS`)
}

async function registry({ names, clients }: AwsPlatform, abortSignal: AbortSignal): Promise<Finding> {
  const { DescribeRepositoriesCommand } = await import('@aws-sdk/client-ecr')
  const ecr = await clients.ecr()
  const wanted = Object.values(names.repositories)
  const found = await Promise.all(
    wanted.map(name =>
      find(`describing repository ${name}`, () =>
        ecr.send(new DescribeRepositoriesCommand({ repositoryNames: [name] }), { abortSignal }),
      ),
    ),
  )
  const missing = wanted.filter((_name, index) => found[index] === undefined)
  return missing.length === 0 ? pass(wanted.join(', ')) : fail(`missing: ${missing.join(', ')}`)
}

function pass(detail: string): Finding {
  return { status: 'pass', detail }
}

function fail(detail: string): Finding {
  return { status: 'fail', detail, remedy: bootstrap }
}
