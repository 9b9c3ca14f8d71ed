import { clusterAdminsGroup } from '../../kubernetes/rbac.ts'
import type { World } from '../../world.ts'
import { firstObject, flag, text, texts } from './attributes.ts'
import { parseTimestamp } from './authorise.ts'
import { clusterKey } from './behaviours/eks-cluster.ts'
import { globalArn } from './naming.ts'
import { readSession, sessionSecret } from './sessions.ts'
import { claimedScope, sha256, signatureFits } from './sigv4.ts'

const tokenPrefix = 'k8s-aws-v1.'
/** EKS takes the URL's own 60 s for 15 minutes; https://github.com/kubernetes-sigs/aws-iam-authenticator, pkg/token. */
const tokenLifetimeMs = 15 * 60_000
const clusterHeader = 'x-k8s-aws-id'

/**
 * Who an EKS token belongs to: it is a presigned STS GetCallerIdentity URL whose signature covers the cluster's name.
 * Undefined for a wrong signature, another cluster's token, an old one, or an identity without an access entry.
 */
export async function reviewToken(
  token: string,
  clusterName: string,
  world: World,
): Promise<{ readonly username: string; readonly groups: readonly string[] } | undefined> {
  if (!token.startsWith(tokenPrefix)) return undefined
  const url = parseUrl(Buffer.from(token.slice(tokenPrefix.length), 'base64url').toString())
  if (url === undefined || url.searchParams.get('Action') !== 'GetCallerIdentity') return undefined
  const name = clusterName.replace(/^aws\//, '')
  const request = {
    method: 'GET',
    target: `${url.pathname}${url.search}`,
    headers: { host: url.host, [clusterHeader]: name },
  }
  const claim = claimedScope(request)
  if (claim === undefined || claim.scope.service !== 'sts') return undefined
  const { accessKeyId } = claim.scope
  const isUser = accessKeyId === world.secrets.awsAccessKeyId
  const session = isUser
    ? undefined
    : readSession(world, accessKeyId, url.searchParams.get('X-Amz-Security-Token') ?? '')
  if (!isUser && (session === undefined || session.exp <= Date.now())) return undefined
  if (!claim.signedHeaders.includes(clusterHeader) || !claim.signedHeaders.includes('host')) return undefined
  const age = Date.now() - parseTimestamp(claim.timestamp)
  if (!(age < tokenLifetimeMs && age > -tokenLifetimeMs)) return undefined
  const secret = isUser ? world.secrets.awsSecretAccessKey : sessionSecret(world, accessKeyId)
  if (!signatureFits(request, claim, sha256(''), secret)) return undefined
  const role = session === undefined ? undefined : world.store.get('aws_iam_role', session.role)
  if (session !== undefined && role === undefined) return undefined
  return accessOf(role === undefined ? callerArn(world) : (text(role.attributes, 'arn') ?? ''), name, world)
}

/** The one identity the sandbox's credentials belong to. */
export function callerArn(world: World): string {
  return globalArn(world, 'iam', 'user/mlp-sandbox')
}

/** What the cluster's access entries make of an identity; its creator is administrator unless that was turned off. */
function accessOf(arn: string, clusterName: string, world: World) {
  const cluster = world.store.get('aws_eks_cluster', clusterName)
  if (cluster === undefined && world.clusters.describe(clusterKey(clusterName)) === undefined)
    return undefined
  const access = firstObject(cluster?.attributes ?? {}, 'access_config')
  const isCreator = arn === callerArn(world) && flag(access, 'bootstrap_cluster_creator_admin_permissions')
  const entry = world.store.get('aws_eks_access_entry', `${clusterName}:${arn}`)
  if (!isCreator && entry === undefined) return undefined
  const administers = world.store
    .list('aws_eks_access_policy_association')
    .some(
      ({ attributes }) =>
        attributes['cluster_name'] === clusterName &&
        attributes['principal_arn'] === arn &&
        /AmazonEKSClusterAdminPolicy$/.test(text(attributes, 'policy_arn') ?? ''),
    )
  const groups = texts(entry?.attributes ?? {}, 'kubernetes_groups')
  return {
    username: text(entry?.attributes ?? {}, 'user_name') ?? arn,
    groups: isCreator || administers ? [...groups, clusterAdminsGroup] : groups,
  }
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}
