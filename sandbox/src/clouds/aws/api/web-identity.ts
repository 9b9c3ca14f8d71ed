import { randomUUID } from 'node:crypto'
import { CloudError } from '../../../behaviour.ts'
import type { World } from '../../../world.ts'
import { readForeignToken } from '../../foreign-token.ts'
import { text, texts } from '../attributes.ts'
import { globalArn } from '../naming.ts'
import { issueSession } from '../sessions.ts'
import { trustsWebIdentity } from '../web-identity-trust.ts'
import { type Answer, toXml, xmlAnswer } from './answer.ts'
import { errorAnswer } from './errors.ts'

const operation = 'AssumeRoleWithWebIdentity'

/** The one call of STS that nobody signs; undefined when it is another. */
export async function webIdentityAnswer(
  body: string,
  query: string,
  world: World,
): Promise<Answer | undefined> {
  const input = new URLSearchParams(body === '' ? query : body)
  if (input.get('Action') !== operation) return undefined
  try {
    return await assume(input, world)
  } catch (error) {
    if (!(error instanceof CloudError)) throw error
    return errorAnswer('query', error.code, error.message, error.httpStatus)
  }
}

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html */
async function assume(input: URLSearchParams, world: World): Promise<Answer> {
  const token = input.get('WebIdentityToken') ?? ''
  const verdict = await readForeignToken(world, token)
  if (!verdict.valid && verdict.why === 'expired')
    throw new CloudError(
      'ExpiredTokenException',
      `Token expired: current date/time ${new Date().toISOString()} must be before the expiration date/time`,
    )
  if (!verdict.valid)
    throw new CloudError(
      'InvalidIdentityToken',
      "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
    )
  const { claims } = verdict
  const host = claims.iss.replace(/^https:\/\//, '')
  const arn = globalArn(world, 'iam', `oidc-provider/${host}`)
  const provider = world.store.get('aws_iam_openid_connect_provider', arn)
  if (provider === undefined)
    throw new CloudError(
      'InvalidIdentityToken',
      `No OpenIDConnect provider found in your account for ${claims.iss}`,
    )
  if (!texts(provider.attributes, 'client_id_list').some(one => claims.aud.includes(one)))
    throw new CloudError('InvalidIdentityToken', 'Incorrect token audience')
  const refused = new CloudError('AccessDenied', `Not authorized to perform sts:${operation}`, 403)
  const roleArn = input.get('RoleArn') ?? ''
  const role = world.store.list('aws_iam_role').find(({ attributes }) => attributes['arn'] === roleArn)
  if (role === undefined) throw refused
  const shown = Object.fromEntries(
    Object.entries(claims).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(String) : [String(value)],
    ]),
  )
  if (!trustsWebIdentity(text(role.attributes, 'assume_role_policy') ?? '', arn, host, shown)) throw refused
  const name = input.get('RoleSessionName') ?? ''
  if (!/^[\w+=,.@-]{2,64}$/.test(name))
    throw new CloudError(
      'ValidationError',
      `1 validation error detected: Value '${name}' at 'roleSessionName' failed to satisfy constraint`,
    )
  const seconds = Number(input.get('DurationSeconds') ?? 3600)
  const longest = Number(role.attributes['max_session_duration'] ?? 3600)
  if (!(seconds >= 900 && seconds <= longest))
    throw new CloudError(
      'ValidationError',
      'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    )
  const session = issueSession(world, role.id, name, seconds * 1000)
  return xmlAnswer(
    toXml(`${operation}Response`, {
      [`${operation}Result`]: {
        SubjectFromWebIdentityToken: claims.sub,
        Audience: claims.aud[0] ?? '',
        Provider: arn,
        AssumedRoleUser: {
          Arn: globalArn(world, 'sts', `assumed-role/${role.id}/${name}`),
          AssumedRoleId: `${text(role.attributes, 'unique_id') ?? 'AROASANDBOX'}:${name}`,
        },
        Credentials: {
          AccessKeyId: session.accessKeyId,
          SecretAccessKey: session.secretAccessKey,
          SessionToken: session.token,
          Expiration: session.expiresAt.toISOString(),
        },
      },
      ResponseMetadata: { RequestId: randomUUID() },
    }),
  )
}
