import { block } from '../clouds/gcp/attributes.ts'
import { accessTokenSeconds, readToken } from '../clouds/gcp/tokens.ts'
import type { World } from '../world.ts'
import { basicCredentials, bearerToken, type CloudRegistry, registryError } from './cloud-registry.ts'
import { checkRegistryToken, issueRegistryToken } from './signed-token.ts'

const purpose = 'artifact-registry'

/**
 * `<location>-docker.pkg.dev/<project>/<repository>/<image>`: Google access tokens as Basic `oauth2accesstoken:<token>`,
 * as Bearer, or exchanged at /v2/token as the Docker client does.
 * https://cloud.google.com/artifact-registry/docs/docker/authentication
 */
export const artifactRegistry: CloudRegistry = {
  find(host, world) {
    const location = /^([a-z0-9-]+)-docker\.pkg\.dev$/.exec(host)?.[1]
    if (location === undefined) return undefined
    const repositoryOf = (image: string) => {
      const [project, repository] = image.split('/')
      return world.store.get(
        'google_artifact_registry_repository',
        `projects/${project}/locations/${location}/repositories/${repository}`,
      )
    }
    return {
      host,
      prefix: `gcp/${location}`,
      token({ path, authorization }) {
        if (path !== '/v2/token') return undefined
        return isGoogleToken(world, authorization)
          ? {
              status: 200,
              body: {
                token: issueRegistryToken(world, purpose, accessTokenSeconds),
                expires_in: accessTokenSeconds,
              },
            }
          : registryError(401, 'UNAUTHORIZED', 'authentication failed')
      },
      refuse(authorization, scope) {
        const token = bearerToken(authorization) ?? ''
        if (
          isGoogleToken(world, authorization) ||
          (token !== '' && checkRegistryToken(world, token, purpose) === 'valid')
        )
          return undefined
        const challenge = `Bearer realm="https://${host}/v2/token",service="${host}"${scope === undefined ? '' : `,scope="${scope}"`}`
        return registryError(401, 'UNAUTHORIZED', 'authentication failed', { 'www-authenticate': challenge })
      },
      missing(image) {
        const [, repository, ...name] = image.split('/')
        if (repositoryOf(image) !== undefined && name.length > 0) return undefined
        return registryError(404, 'NAME_UNKNOWN', `Repository "${repository ?? image}" not found`)
      },
      immutable(image, tag) {
        const docker = block(repositoryOf(image)?.attributes ?? {}, 'docker_config')
        if (docker['immutable_tags'] !== true) return undefined
        return registryError(
          400,
          'TAG_INVALID',
          `The tag ${tag} exists, and the repository has immutable tags.`,
        )
      },
    }
  },
}

function isGoogleToken(world: World, authorization: string | undefined): boolean {
  const basic = basicCredentials(authorization)
  const token = basic?.user === 'oauth2accesstoken' ? basic.password : bearerToken(authorization)
  return token !== undefined && readToken(world, token) !== undefined
}
