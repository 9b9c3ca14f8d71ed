import type { ContainerServiceClient } from '@azure/arm-containerservice'
import type { AccessToken, TokenCredential } from '@azure/identity'
import { type AzureNames, azureNames } from '../../config/names.ts'
import type { CloudOptions } from '../cloud-options.ts'
import { once } from '../once.ts'
import { type ArmClient, createArmClient } from './arm-client.ts'
import { createCredential, publicArmEndpoint } from './credentials.ts'
import { sdkError, unexpectedAnswerError } from './errors.ts'
import { azureConfig } from './variables.ts'

/** What every part of the adapter works with. */
export interface AzurePlatform {
  readonly options: CloudOptions
  readonly names: AzureNames
  readonly subscriptionId: string
  readonly location: string
  /** `/subscriptions/…/resourceGroups/<ours>` */
  readonly resourceGroupId: string
  readonly armEndpoint: string
  credential(): Promise<TokenCredential>
  arm(): Promise<ArmClient>
  containerService(): Promise<ContainerServiceClient>
  /** Throws MLP3001 when there is none to be had. */
  accessToken(scope: string, signal: AbortSignal): Promise<AccessToken>
  tags(): Readonly<Record<string, string>>
}

export const armScope = `${publicArmEndpoint}/.default`

/** Loads nothing yet: the SDK comes with the first request. */
export function createPlatform(options: CloudOptions): AzurePlatform {
  const { config, target, platformId } = options
  const { subscriptionId, location, tenantId } = azureConfig(config)
  const names = azureNames(config)
  const armEndpoint = target.endpoints['arm'] ?? publicArmEndpoint
  const credential = once(() => createCredential(target, tenantId))
  return {
    options,
    names,
    subscriptionId,
    location,
    resourceGroupId: `/subscriptions/${subscriptionId}/resourceGroups/${names.resourceGroup}`,
    armEndpoint,
    credential,
    arm: once(async () =>
      createArmClient({ endpoint: armEndpoint, scope: armScope, credential: await credential() }),
    ),
    containerService: once(async () => {
      const { ContainerServiceClient } = await import('@azure/arm-containerservice')
      return new ContainerServiceClient(await credential(), subscriptionId, {
        endpoint: armEndpoint,
        credentials: { scopes: [armScope] },
      })
    }),
    async accessToken(scope, signal) {
      try {
        // As the SDK's own pipeline asks for it, which then finds the same token instead of getting a second one.
        const enableCae = scope === armScope
        const token = await (await credential()).getToken(scope, { abortSignal: signal, enableCae })
        if (token !== null) return token
      } catch (error) {
        signal.throwIfAborted()
        throw sdkError(error, `token for ${scope}`)
      }
      throw unexpectedAnswerError(`token for ${scope}`, 'no token')
    },
    tags: () => ({
      'mlp-platform-id': platformId,
      project: config.project,
      environment: config.environment,
      owner: config.owner,
    }),
  }
}
