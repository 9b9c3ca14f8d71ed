import { CloudError } from '../../../behaviour.ts'
import { acrPrefix } from '../../../registry/acr.ts'
import { forgetImages, imagesBelow } from '../../../registry/images.ts'
import { lastSegment } from '../arm-id.ts'
import { count, flag, requiredText, text } from '../attributes.ts'
import { azureType, resourceGroupIdOf } from '../azure-type.ts'

export const containerRegistry = azureType({
  type: 'azurerm_container_registry',
  source:
    'https://learn.microsoft.com/azure/container-registry/container-registry-skus (zone redundancy, retention: Premium); name of 5 to 50 letters and digits, unique in all of Azure',
  seconds: { create: 20, update: 15, delete: 15 },
  refuses: { create: ['AlreadyInUse'] },
  name: {
    attribute: 'name',
    pattern: /^[a-zA-Z0-9]{5,50}$/,
    text: 'must be 5 to 50 alphanumeric characters',
  },
  validate(configured) {
    const problems: { path?: string; message: string }[] = []
    const sku = text(configured, 'sku')
    if (sku !== undefined && !['Basic', 'Standard', 'Premium'].includes(sku))
      problems.push({
        path: 'sku',
        message: `expected sku to be one of ["Basic" "Standard" "Premium"], got ${sku}`,
      })
    if (sku !== undefined && sku !== 'Premium') {
      if (flag(configured, 'zone_redundancy_enabled'))
        problems.push({
          path: 'zone_redundancy_enabled',
          message: 'ACR zone redundancy is only supported when using the Premium Sku',
        })
      if (count(configured, 'retention_policy_in_days') !== undefined)
        problems.push({
          path: 'retention_policy_in_days',
          message: 'ACR retention policy can only be applied when using the Premium Sku',
        })
    }
    return problems
  },
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/providers/Microsoft.ContainerRegistry/registries/${requiredText(planned, 'name')}`,
  create(planned, id, { world }) {
    const name = requiredText(planned, 'name')
    const taken = world.store
      .list('azurerm_container_registry')
      .some(other => lastSegment(other.id).toLowerCase() === name.toLowerCase())
    if (taken)
      throw new CloudError(
        'AlreadyInUse',
        `The registry DNS name ${name}.azurecr.io is already in use. You can check if the name is already claimed using following API: https://docs.microsoft.com/en-us/rest/api/containerregistry/registries/checknameavailability`,
        409,
      )
    return {
      login_server: `${name.toLowerCase()}.azurecr.io`,
      admin_username: '',
      admin_password: '',
      data_endpoint_host_names: [],
      network_rule_set: [],
      encryption: [],
      id,
    }
  },
  /** A registry goes with all that is in it. */
  removed(attributes, { world }) {
    forgetImages(world.store, imagesBelow(world.store, acrPrefix(requiredText(attributes, 'name'))))
  },
  arm: {
    type: 'Microsoft.ContainerRegistry/registries',
    project: attributes => ({
      sku: { name: text(attributes, 'sku'), tier: text(attributes, 'sku') },
      properties: {
        provisioningState: 'Succeeded',
        loginServer: text(attributes, 'login_server'),
        adminUserEnabled: flag(attributes, 'admin_enabled'),
        publicNetworkAccess: flag(attributes, 'public_network_access_enabled') ? 'Enabled' : 'Disabled',
        zoneRedundancy: flag(attributes, 'zone_redundancy_enabled') ? 'Enabled' : 'Disabled',
      },
    }),
  },
})
