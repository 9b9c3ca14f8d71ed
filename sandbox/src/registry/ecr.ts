import { text } from '../clouds/aws/attributes.ts'
import { inRegion } from '../clouds/aws/naming.ts'
import type { World } from '../world.ts'
import { basicCredentials, type CloudRegistry, registryError } from './cloud-registry.ts'
import { checkRegistryToken, issueRegistryToken } from './signed-token.ts'

/** https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html */
const passwordSeconds = 12 * 60 * 60
const purpose = 'ecr'

/** `<account>.dkr.ecr.<region>.amazonaws.com`: Basic `AWS:<password>`; repositories have to be made first. */
export const ecrRegistry: CloudRegistry = {
  find(host, world) {
    const [, account, region] = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com$/.exec(host) ?? []
    if (account !== world.secrets.awsAccountId || region === undefined) return undefined
    const repositoryOf = (name: string) =>
      inRegion(world, 'aws_ecr_repository', region).find(repository => repository.id === name)
    return {
      host,
      prefix: ecrPrefix(world, region),
      token: () => undefined,
      refuse(authorization) {
        const given = basicCredentials(authorization)
        if (given === undefined)
          return registryError(401, 'UNAUTHORIZED', 'Not Authorized', {
            'www-authenticate': `Basic realm="https://${host}/",service="ecr.amazonaws.com"`,
          })
        const verdict = given.user === 'AWS' ? checkRegistryToken(world, given.password, purpose) : 'wrong'
        if (verdict === 'valid') return undefined
        return verdict === 'expired'
          ? registryError(
              403,
              'DENIED',
              'Your authorization token has expired. Reauthenticate and try again.',
            )
          : registryError(403, 'DENIED', 'Not Authorized')
      },
      missing(name) {
        if (repositoryOf(name) !== undefined) return undefined
        return registryError(
          404,
          'NAME_UNKNOWN',
          `The repository with name '${name}' does not exist in the registry with id '${account}'`,
        )
      },
      immutable(name, tag) {
        const repository = repositoryOf(name)
        if (text(repository?.attributes ?? {}, 'image_tag_mutability') !== 'IMMUTABLE') return undefined
        return registryError(
          400,
          'TAG_INVALID',
          `The image tag '${tag}' already exists in the '${name}' repository and cannot be overwritten because the tag is immutable.`,
        )
      },
    }
  },
}

export function ecrPrefix(world: World, region: string): string {
  return `aws/${world.secrets.awsAccountId}/${region}`
}

/** https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html */
export function ecrAuthorization(world: World, region: string) {
  const password = issueRegistryToken(world, purpose, passwordSeconds)
  return {
    authorizationData: [
      {
        authorizationToken: Buffer.from(`AWS:${password}`).toString('base64'),
        expiresAt: Date.now() / 1000 + passwordSeconds,
        proxyEndpoint: `https://${world.secrets.awsAccountId}.dkr.ecr.${region}.amazonaws.com`,
      },
    ],
  }
}
