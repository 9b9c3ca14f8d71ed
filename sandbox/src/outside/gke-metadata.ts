import type { IncomingMessage, ServerResponse } from 'node:http'
import { projectNumber } from '../clouds/gcp/google.ts'
import { accessTokenSeconds, issueToken } from '../clouds/gcp/tokens.ts'
import type { World } from '../world.ts'

const headers = { 'metadata-flavor': 'Google', server: 'GKE Metadata Server' }

/**
 * GKE's metadata server, as far as Google's libraries ask it.
 * https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity
 */
export async function answerMetadata(
  request: IncomingMessage,
  response: ServerResponse,
  world: World,
  accountOfPod: () => Promise<string | undefined>,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://metadata.google.internal')
  const send = (status: number, body: string, type = 'application/text') =>
    void response.writeHead(status, { ...headers, 'content-type': type }).end(body)
  if (request.headers['metadata-flavor'] !== 'Google')
    return send(403, 'Missing required header "Metadata-Flavor": "Google"\n')
  const path = url.pathname.replace(/\/$/, '')
  const { gcpProjectId } = world.secrets
  if (path === '' || path === '/computeMetadata' || path === '/computeMetadata/v1')
    return send(200, 'instance/\nproject/\n')
  if (path === '/computeMetadata/v1/instance') return send(200, 'service-accounts/\nattributes/\n')
  if (path === '/computeMetadata/v1/project/project-id') return send(200, gcpProjectId)
  if (path === '/computeMetadata/v1/project/numeric-project-id') return send(200, projectNumber(world))
  const own = /^\/computeMetadata\/v1\/instance\/service-accounts\/([^/]+)(?:\/(.+))?$/.exec(path)
  if (own === null) return send(404, 'Not Found\n')
  const email = await accountOfPod()
  if (email === undefined || (own[1] !== 'default' && own[1] !== email))
    return send(
      403,
      "Unable to generate access token; IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).\n",
    )
  switch (own[2]) {
    case undefined:
      return url.searchParams.get('recursive') === 'true'
        ? send(200, JSON.stringify({ aliases: ['default'], email, scopes: [scope] }), 'application/json')
        : send(200, 'aliases\nemail\nidentity\nscopes\ntoken\n')
    case 'email':
      return send(200, email)
    case 'scopes':
      return send(200, `${scope}\n`)
    case 'token':
      return send(
        200,
        JSON.stringify({
          access_token: issueToken(world, accessTokenSeconds, email),
          expires_in: accessTokenSeconds - 1,
          token_type: 'Bearer',
        }),
        'application/json',
      )
    default:
      return send(404, 'Not Found\n')
  }
}

const scope = 'https://www.googleapis.com/auth/cloud-platform'
