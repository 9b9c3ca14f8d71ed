import { CloudError } from '../../../behaviour.ts'
import { isWithin, lastSegment, sameId } from '../arm-id.ts'
import { isAttributes, requiredText, text, textMap } from '../attributes.ts'
import { azureType } from '../azure-type.ts'

export const resourceGroup = azureType({
  type: 'azurerm_resource_group',
  source:
    'https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules; azurerm features block: resource_group.prevent_deletion_if_contains_resources defaults to true',
  seconds: { create: 10, update: 5, delete: 60 },
  refuses: { delete: ['ResourceGroupContainsResources'] },
  name: {
    attribute: 'name',
    pattern: /^[-\w._()]{0,89}[-\w_()]$/,
    text: 'may only contain alphanumeric characters, dash, underscores, parentheses and periods, not end in a period, and be at most 90 characters long',
  },
  id: (planned, subscription) =>
    `/subscriptions/${subscription}/resourceGroups/${requiredText(planned, 'name')}`,
  create: () => ({}),
  blocker(attributes, store) {
    const id = requiredText(attributes, 'id')
    const inside = store
      .all()
      .filter(other => other.type.startsWith('azurerm_') && isWithin(other.id, id) && !sameId(other.id, id))
    if (inside.length === 0) return undefined
    return new CloudError(
      'ResourceGroupContainsResources',
      `deleting Resource Group ${JSON.stringify(lastSegment(id))}: the Resource Group still contains Resources. Terraform is configured to check for Resources within the Resource Group when deleting the Resource Group - and raise an error if nested Resources still exist to avoid unintentionally deleting these Resources. Terraform has detected that the following Resources still exist within the Resource Group: ${inside.map(other => other.id).join(', ')}`,
      409,
    )
  },
  arm: {
    type: 'Microsoft.Resources/resourceGroups',
    project: attributes => ({
      properties: { provisioningState: 'Succeeded' },
      ...(text(attributes, 'managed_by') ? { managedBy: text(attributes, 'managed_by') } : {}),
    }),
    fromArm: (id, body) => ({
      name: lastSegment(id),
      location: requiredText(body, 'location'),
      tags: isAttributes(body['tags']) ? textMap(body, 'tags') : {},
    }),
  },
})
