import type { RegistryLogin } from '../cloud.ts'
import type { GcpPlatform } from './platform.ts'

export function registryHost({ region }: GcpPlatform): string {
  return `${region}-docker.pkg.dev`
}

/** An access token is a password. https://cloud.google.com/artifact-registry/docs/docker/authentication#token */
export async function registry(platform: GcpPlatform, signal: AbortSignal): Promise<RegistryLogin> {
  const { token, expiresAt } = await platform.credentials.accessToken(signal)
  return { host: registryHost(platform), username: 'oauth2accesstoken', password: token, expiresAt }
}
