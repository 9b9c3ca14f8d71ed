import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from '../clouds/aws/attributes.ts'
import { trustsPodIdentity } from '../clouds/aws/permissions.ts'
import { issueSession } from '../clouds/aws/sessions.ts'
import { podIdentityAudience } from '../workloads/admission.ts'
import type { World } from '../world.ts'

const lifetimeMs = 6 * 3_600_000

/**
 * EKS' Pod Identity agent: credentials of the role that the token's service account is associated with.
 * https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html
 */
export async function answerPodIdentity(
  request: IncomingMessage,
  response: ServerResponse,
  world: World,
  key: string,
): Promise<void> {
  const refuse = (status: number, message: string) =>
    void response.writeHead(status, { 'content-type': 'text/plain' }).end(`${message}\n`)
  if (request.method !== 'GET' || request.url !== '/v1/credentials') return refuse(404, 'page not found')
  const account = await world.clusters.serviceAccount(
    request.headers.authorization ?? '',
    podIdentityAudience,
  )
  if (account === undefined || account.cluster !== key)
    return refuse(400, 'Service account token cannot be validated')
  const cluster = key.slice('aws/'.length)
  const association = world.store
    .list('aws_eks_pod_identity_association')
    .find(
      ({ attributes }) =>
        text(attributes, 'cluster_name') === cluster &&
        text(attributes, 'namespace') === account.namespace &&
        text(attributes, 'service_account') === account.name,
    )
  const roleName =
    text(association?.attributes ?? {}, 'role_arn')
      ?.split('/')
      .at(-1) ?? ''
  const role = world.store.get('aws_iam_role', roleName)
  if (role === undefined)
    return refuse(404, 'No pod identity association or role was found for the service account')
  const tags = {
    'kubernetes-namespace': account.namespace,
    'kubernetes-service-account': account.name,
    'eks-cluster-name': cluster,
  }
  if (!trustsPodIdentity(text(role.attributes, 'assume_role_policy') ?? '', tags))
    return refuse(
      403,
      `Access Denied: role ${roleName} does not trust pods.eks.amazonaws.com for ${account.namespace}/${account.name}`,
    )
  const session = issueSession(world, roleName, `eks-${cluster}-${account.name}`.slice(0, 64), lifetimeMs)
  response.writeHead(200, { 'content-type': 'application/json' }).end(
    JSON.stringify({
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      Token: session.token,
      AccountId: world.secrets.awsAccountId,
      Expiration: session.expiresAt.toISOString(),
    }),
  )
}
