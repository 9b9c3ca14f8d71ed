import type { AzureNames } from '../../config/names.ts'

/** Whatever is in one of these costs this platform's money. */
export function budgetGroups(names: AzureNames): readonly string[] {
  return [names.resourceGroup, names.nodeResourceGroup, names.stateResourceGroup]
}
