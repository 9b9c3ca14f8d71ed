import { Agent } from 'node:https'
import { once } from '../once.ts'
import type { CloudTarget } from '../target.ts'
import { endpointOf } from './endpoint.ts'
import { webIdentity } from './web-identity.ts'

/** Standard retries: exponential with full jitter, at most 20 s apart; a retry budget ends storms. */
const attempts = 6
const connectionTimeoutMs = 5_000
const requestTimeoutMs = 30_000
/** The SDK's own default. */
const connectionsAtOnce = 50

/** One client a service, its SDK loaded at first use. */
export function createClients(target: CloudTarget, region: string) {
  const settings = {
    region,
    maxAttempts: attempts,
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: connectionTimeoutMs,
      requestTimeout: requestTimeoutMs,
      // Where services share an endpoint they share its connections.
      httpsAgent: new Agent({ keepAlive: true, maxSockets: connectionsAtOnce }),
    },
    ...endpointOf(target),
    ...credentialsOf(target, region),
  }
  return {
    ec2: once(async () => new (await import('@aws-sdk/client-ec2')).EC2Client(settings)),
    ecr: once(async () => new (await import('@aws-sdk/client-ecr')).ECRClient(settings)),
    eks: once(async () => new (await import('@aws-sdk/client-eks')).EKSClient(settings)),
    elasticache: once(
      async () => new (await import('@aws-sdk/client-elasticache')).ElastiCacheClient(settings),
    ),
    iam: once(async () => new (await import('@aws-sdk/client-iam')).IAMClient(settings)),
    kms: once(async () => new (await import('@aws-sdk/client-kms')).KMSClient(settings)),
    logs: once(
      async () => new (await import('@aws-sdk/client-cloudwatch-logs')).CloudWatchLogsClient(settings),
    ),
    rds: once(async () => new (await import('@aws-sdk/client-rds')).RDSClient(settings)),
    route53: once(async () => new (await import('@aws-sdk/client-route-53')).Route53Client(settings)),
    s3: once(
      async () =>
        new (await import('./s3.ts')).S3Client({
          ...settings,
          // A bucket's name cannot stand before an endpoint that is an address.
          forcePathStyle: target.endpoints['aws'] !== undefined,
        }),
    ),
    serviceQuotas: once(
      async () => new (await import('@aws-sdk/client-service-quotas')).ServiceQuotasClient(settings),
    ),
    sts: once(async () => new (await import('@aws-sdk/client-sts')).STSClient(settings)),
    tagging: once(
      async () =>
        new (await import('@aws-sdk/client-resource-groups-tagging-api')).ResourceGroupsTaggingAPIClient(
          settings,
        ),
    ),
  }
}
export type Clients = ReturnType<typeof createClients>

/** The target's own credentials, a job's identity on GitHub, else the SDK's default chain, which refreshes them. */
function credentialsOf(target: CloudTarget, region: string) {
  const accessKeyId = target.environment['AWS_ACCESS_KEY_ID']
  const secretAccessKey = target.environment['AWS_SECRET_ACCESS_KEY']
  const sessionToken = target.environment['AWS_SESSION_TOKEN']
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const credentials = webIdentity(target, region)
    return credentials === undefined ? {} : { credentials }
  }
  return {
    credentials: {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
    },
  }
}
