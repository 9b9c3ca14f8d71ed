import * as z from 'zod'
import type { AzurePlatform } from './platform.ts'

export const storageApiVersion = '2024-01-01'

/** ARM ids of where terraform's state and mlp's record live. */
export function stateIds({ subscriptionId, names }: AzurePlatform) {
  const group = `/subscriptions/${subscriptionId}/resourceGroups/${names.stateResourceGroup}`
  const storage = `${group}/providers/Microsoft.Storage/storageAccounts/${names.stateStorageAccount}`
  return { group, storage, container: `${storage}/blobServices/default/containers/${names.stateContainer}` }
}

export async function hasStateContainer(platform: AzurePlatform, signal: AbortSignal): Promise<boolean> {
  const arm = await platform.arm()
  const { container } = stateIds(platform)
  return (await arm.get(container, storageApiVersion, z.object({ id: z.string() }), signal)) !== undefined
}
