import type { ClusterAccess, ClusterToken, Identity, Validity } from '../cloud.ts'
import { type AwsPlatform, ask, find } from './platform.ts'

/** What the token's URL lives, which is what EKS's own tools ask for. */
const urlSeconds = 60
/** EKS accepts a token for 15 minutes; a minute less leaves room for clocks. */
const tokenMs = 14 * 60_000

export async function identity(platform: AwsPlatform, signal: AbortSignal): Promise<Identity> {
  const { GetCallerIdentityCommand } = await import('@aws-sdk/client-sts')
  const sts = await platform.clients.sts()
  const answer = await ask('asking who the credentials belong to', () =>
    sts.send(new GetCallerIdentityCommand({}), { abortSignal: signal }),
  )
  const credentials = await ask('reading credentials', () => sts.config.credentials())
  return {
    principal: answer.Arn ?? '',
    account: answer.Account ?? '',
    validity: validityOf(
      credentials,
      platform.target.environment['AWS_SESSION_TOKEN'] ?? process.env['AWS_SESSION_TOKEN'],
    ),
  }
}

/**
 * A long-lived key does not end, and what the SDK got with an end (SSO, an assumed role, a machine's role) it gets
 * again. A session token that was handed over, by the environment or a profile, stays as it is.
 */
export function validityOf(
  credentials: { readonly sessionToken?: string; readonly expiration?: Date },
  handedOver: string | undefined,
): Validity {
  const { sessionToken, expiration } = credentials
  if (sessionToken === undefined) return { kind: 'renewed' }
  if (expiration === undefined) return { kind: 'unknown' }
  return sessionToken === handedOver ? { kind: 'ends', at: expiration.toISOString() } : { kind: 'renewed' }
}

export async function cluster(
  platform: AwsPlatform,
  signal: AbortSignal,
): Promise<ClusterAccess | undefined> {
  const { DescribeClusterCommand } = await import('@aws-sdk/client-eks')
  const eks = await platform.clients.eks()
  const answer = await find('describing the cluster', () =>
    eks.send(new DescribeClusterCommand({ name: platform.names.cluster }), { abortSignal: signal }),
  )
  const found = answer?.cluster
  if (found?.name === undefined) return undefined
  return {
    name: found.name,
    endpoint: found.endpoint ?? '',
    certificateAuthorityPem: Buffer.from(found.certificateAuthority?.data ?? '', 'base64').toString(),
    version: found.version ?? '',
    status: found.status ?? 'UNKNOWN',
  }
}

/**
 * An EKS token: a presigned STS GetCallerIdentity URL whose signature covers the cluster's name.
 * https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
 */
export async function token(platform: AwsPlatform, clusterName: string): Promise<ClusterToken> {
  const { SignatureV4 } = await import('@smithy/signature-v4')
  const sts = await platform.clients.sts()
  const { region } = platform.aws
  const endpoint = new URL(platform.target.endpoints['aws'] ?? `https://sts.${region}.amazonaws.com`)
  const signer = new SignatureV4({
    service: 'sts',
    region,
    credentials: sts.config.credentials,
    sha256: sts.config.sha256,
  })
  const signed = await ask('signing a cluster token', () =>
    signer.presign(
      {
        method: 'GET',
        protocol: endpoint.protocol,
        hostname: endpoint.hostname,
        ...(endpoint.port === '' ? {} : { port: Number(endpoint.port) }),
        path: '/',
        query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
        headers: { host: endpoint.host, 'x-k8s-aws-id': clusterName },
      },
      { expiresIn: urlSeconds, unhoistableHeaders: new Set(['x-k8s-aws-id']) },
    ),
  )
  const url = new URL(endpoint.origin)
  url.pathname = '/'
  for (const [name, value] of Object.entries(signed.query ?? {})) url.searchParams.set(name, String(value))
  // EKS expects %20, not +; no value here holds a space.
  return {
    token: `k8s-aws-v1.${Buffer.from(url.href).toString('base64url')}`,
    expiresAt: new Date(Date.now() + tokenMs).toISOString(),
  }
}
