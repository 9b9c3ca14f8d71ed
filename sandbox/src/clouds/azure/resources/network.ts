import { randomUUID } from 'node:crypto'
import { contains, overlap } from '../../../addresses.ts'
import { CloudError } from '../../../behaviour.ts'
import type { Attributes, ResourceStore } from '../../../store/resource-store.ts'
import { sameId } from '../arm-id.ts'
import { blocks, count, flag, requiredText, text, texts } from '../attributes.ts'
import { azureType, resourceGroupIdOf } from '../azure-type.ts'
import { subnetUsers } from './subnet-users.ts'

const nameRule = {
  attribute: 'name',
  pattern: /^[a-zA-Z0-9]([-\w.]{0,78}\w)?$/,
  text: 'must begin with a letter or number, end with a letter, number or underscore, and may contain only letters, numbers, underscores, periods, or hyphens, 80 characters at most',
}
const nameRules = 'https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules'

export const virtualNetwork = azureType({
  type: 'azurerm_virtual_network',
  source: `${nameRules}#microsoftnetwork; https://learn.microsoft.com/rest/api/virtualnetwork/virtual-networks`,
  seconds: { create: 10, update: 10, delete: 15 },
  refuses: { delete: ['InUseSubnetCannotBeDeleted'] },
  name: { ...nameRule, pattern: /^[a-zA-Z0-9]([-\w.]{0,62}\w)?$/ },
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/providers/Microsoft.Network/virtualNetworks/${requiredText(planned, 'name')}`,
  create: () => ({ guid: randomUUID(), dns_servers: [], subnet: [] }),
  blocker(attributes, store) {
    const subnet = store
      .list('azurerm_subnet')
      .find(other => sameId(other.id.replace(/\/subnets\/[^/]+$/i, ''), requiredText(attributes, 'id')))
    const users = subnet && subnetUsers(subnet.id, store)
    return users === undefined || users.length === 0 ? undefined : subnetInUse(subnet?.id ?? '', users)
  },
  arm: {
    type: 'Microsoft.Network/virtualNetworks',
    project: attributes => ({
      properties: {
        provisioningState: 'Succeeded',
        resourceGuid: text(attributes, 'guid'),
        addressSpace: { addressPrefixes: texts(attributes, 'address_space') },
      },
    }),
  },
})

export const subnet = azureType({
  type: 'azurerm_subnet',
  source: `${nameRules}#microsoftnetwork; https://learn.microsoft.com/azure/virtual-network/manage-subnet-delegation`,
  seconds: { create: 6, update: 6, delete: 12 },
  refuses: { create: ['NetcfgSubnetRangesOverlap'], delete: ['InUseSubnetCannotBeDeleted'] },
  name: nameRule,
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/providers/Microsoft.Network/virtualNetworks/${requiredText(planned, 'virtual_network_name')}/subnets/${requiredText(planned, 'name')}`,
  create(planned, id, { world }) {
    const networkId = id.replace(/\/subnets\/[^/]+$/i, '')
    const network = world.store.get('azurerm_virtual_network', networkId)
    const prefixes = texts(planned, 'address_prefixes')
    const spaces = network === undefined ? [] : texts(network.attributes, 'address_space')
    for (const prefix of prefixes) {
      if (!spaces.some(space => contains(space, prefix)))
        throw new CloudError(
          'NetcfgSubnetRangeOutsideVnet',
          `Subnet '${requiredText(planned, 'name')}' is not valid because its IP address range is outside the IP address range of virtual network '${requiredText(planned, 'virtual_network_name')}'.`,
        )
      const clash = world.store
        .list('azurerm_subnet')
        .find(
          other =>
            sameId(other.id.replace(/\/subnets\/[^/]+$/i, ''), networkId) &&
            texts(other.attributes, 'address_prefixes').some(taken => overlap(taken, prefix)),
        )
      if (clash !== undefined)
        throw new CloudError(
          'NetcfgSubnetRangesOverlap',
          `Subnet '${requiredText(planned, 'name')}' is not valid because its IP address range overlaps with that of an existing subnet in virtual network '${requiredText(planned, 'virtual_network_name')}'.`,
        )
    }
    return { network_security_group_id: '', route_table_id: '' }
  },
  blocker(attributes, store) {
    const id = requiredText(attributes, 'id')
    const users = subnetUsers(id, store)
    return users.length === 0 ? undefined : subnetInUse(id, users)
  },
  arm: {
    type: 'Microsoft.Network/virtualNetworks/subnets',
    project: (attributes, world) => ({
      properties: {
        provisioningState: 'Succeeded',
        addressPrefix: texts(attributes, 'address_prefixes')[0],
        defaultOutboundAccess: flag(attributes, 'default_outbound_access_enabled'),
        privateEndpointNetworkPolicies: text(attributes, 'private_endpoint_network_policies'),
        delegations: blocks(attributes, 'delegation').map(delegation => ({
          name: text(delegation, 'name'),
          properties: { serviceName: text(blocks(delegation, 'service_delegation')[0] ?? {}, 'name') },
        })),
        ...associated(attributes, world.store),
      },
    }),
  },
})

export const networkSecurityGroup = azureType({
  type: 'azurerm_network_security_group',
  source: `${nameRules}#microsoftnetwork; https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview (priorities 100 to 4096, unique by direction)`,
  seconds: { create: 6, update: 6, delete: 12 },
  refuses: { delete: ['InUseResourceCannotBeDeleted'] },
  name: nameRule,
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/providers/Microsoft.Network/networkSecurityGroups/${requiredText(planned, 'name')}`,
  validate(configured) {
    const seen = new Set<string>()
    return blocks(configured, 'security_rule').flatMap(rule => {
      const priority = count(rule, 'priority')
      if (priority === undefined) return []
      const key = `${text(rule, 'direction')} ${priority}`
      const clash = seen.has(key)
      seen.add(key)
      if (priority < 100 || priority > 4096)
        return [
          {
            path: 'security_rule',
            message: `expected priority to be in the range (100 - 4096), got ${priority}`,
          },
        ]
      return clash
        ? [
            {
              path: 'security_rule',
              message: `two security rules have the same priority and direction: ${key}`,
            },
          ]
        : []
    })
  },
  create: planned => ({ security_rule: blocks(planned, 'security_rule') }),
  blocker: (attributes, store) =>
    inUse(
      attributes,
      store.list('azurerm_subnet_network_security_group_association'),
      'network_security_group_id',
      'Network security group',
    ),
  arm: {
    type: 'Microsoft.Network/networkSecurityGroups',
    project: attributes => ({
      properties: {
        provisioningState: 'Succeeded',
        securityRules: blocks(attributes, 'security_rule').map(rule => ({
          name: text(rule, 'name'),
          properties: {
            priority: count(rule, 'priority'),
            direction: text(rule, 'direction'),
            access: text(rule, 'access'),
            protocol: text(rule, 'protocol'),
            sourceAddressPrefix: text(rule, 'source_address_prefix'),
            destinationAddressPrefix: text(rule, 'destination_address_prefix'),
            destinationPortRange: text(rule, 'destination_port_range'),
            destinationPortRanges: texts(rule, 'destination_port_ranges'),
          },
        })),
      },
    }),
  },
})

export const publicIp = azureType({
  type: 'azurerm_public_ip',
  source: `${nameRules}#microsoftnetwork; https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses (Standard is static)`,
  seconds: { create: 6, update: 6, delete: 12 },
  refuses: { delete: ['InUseResourceCannotBeDeleted'] },
  name: nameRule,
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/providers/Microsoft.Network/publicIPAddresses/${requiredText(planned, 'name')}`,
  validate: configured =>
    text(configured, 'allocation_method') === 'Dynamic' && text(configured, 'sku') !== 'Basic'
      ? [
          {
            path: 'allocation_method',
            message: 'static IP allocation must be used when creating Standard SKU public IP addresses',
          },
        ]
      : [],
  create(planned, _id, { world }) {
    // 203.0.113.0/24 is kept for documentation: nobody answers there.
    const host = (world.store.list('azurerm_public_ip').length % 250) + 1
    return { ip_address: `203.0.113.${host}`, fqdn: null, zones: planned['zones'] ?? [] }
  },
  blocker: (attributes, store) =>
    inUse(
      attributes,
      store.list('azurerm_nat_gateway_public_ip_association'),
      'public_ip_address_id',
      'Public IP address',
    ),
  arm: {
    type: 'Microsoft.Network/publicIPAddresses',
    project: attributes => ({
      sku: { name: text(attributes, 'sku'), tier: text(attributes, 'sku_tier') },
      properties: {
        provisioningState: 'Succeeded',
        publicIPAllocationMethod: text(attributes, 'allocation_method'),
        publicIPAddressVersion: text(attributes, 'ip_version'),
        ipAddress: text(attributes, 'ip_address'),
      },
    }),
  },
})

export const natGateway = azureType({
  type: 'azurerm_nat_gateway',
  source: `${nameRules}#microsoftnetwork; https://learn.microsoft.com/azure/nat-gateway/manage-nat-gateway`,
  seconds: { create: 12, update: 10, delete: 12 },
  refuses: { delete: ['InUseResourceCannotBeDeleted'] },
  name: nameRule,
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/providers/Microsoft.Network/natGateways/${requiredText(planned, 'name')}`,
  create: () => ({ resource_guid: randomUUID() }),
  blocker: (attributes, store) =>
    inUse(attributes, store.list('azurerm_subnet_nat_gateway_association'), 'nat_gateway_id', 'NAT gateway'),
  arm: {
    type: 'Microsoft.Network/natGateways',
    project: (attributes, world) => ({
      sku: { name: text(attributes, 'sku_name') },
      properties: {
        provisioningState: 'Succeeded',
        resourceGuid: text(attributes, 'resource_guid'),
        idleTimeoutInMinutes: count(attributes, 'idle_timeout_in_minutes'),
        publicIpAddresses: world.store
          .list('azurerm_nat_gateway_public_ip_association')
          .filter(other =>
            sameId(requiredText(other.attributes, 'nat_gateway_id'), requiredText(attributes, 'id')),
          )
          .map(other => ({ id: text(other.attributes, 'public_ip_address_id') })),
      },
    }),
  },
})

export const natGatewayPublicIp = azureType({
  type: 'azurerm_nat_gateway_public_ip_association',
  source:
    'https://registry.terraform.io/providers/hashicorp/azurerm/5.2.0/docs/resources/nat_gateway_public_ip_association (id and import: `<NAT gateway id>|<public IP id>`)',
  seconds: { create: 3, update: 3, delete: 6 },
  id: planned =>
    `${requiredText(planned, 'nat_gateway_id')}|${requiredText(planned, 'public_ip_address_id')}`,
  references: planned => ({
    nat_gateway_id: text(planned, 'nat_gateway_id'),
    public_ip_address_id: text(planned, 'public_ip_address_id'),
  }),
  create: () => ({}),
})

export const subnetNatGateway = azureType({
  type: 'azurerm_subnet_nat_gateway_association',
  source:
    'https://registry.terraform.io/providers/hashicorp/azurerm/5.2.0/docs/resources/subnet_nat_gateway_association (id and import: the subnet id)',
  seconds: { create: 5, update: 5, delete: 10 },
  id: planned => requiredText(planned, 'subnet_id'),
  references: planned => ({
    subnet_id: text(planned, 'subnet_id'),
    nat_gateway_id: text(planned, 'nat_gateway_id'),
  }),
  create: () => ({}),
})

export const subnetSecurityGroup = azureType({
  type: 'azurerm_subnet_network_security_group_association',
  source:
    'https://registry.terraform.io/providers/hashicorp/azurerm/5.2.0/docs/resources/subnet_network_security_group_association (id and import: the subnet id)',
  seconds: { create: 5, update: 5, delete: 10 },
  id: planned => requiredText(planned, 'subnet_id'),
  references: planned => ({
    subnet_id: text(planned, 'subnet_id'),
    network_security_group_id: text(planned, 'network_security_group_id'),
  }),
  create: () => ({}),
})

function associated(attributes: Attributes, store: ResourceStore): object {
  const id = requiredText(attributes, 'id')
  const group = store.get('azurerm_subnet_network_security_group_association', id)
  const gateway = store.get('azurerm_subnet_nat_gateway_association', id)
  return {
    ...(group ? { networkSecurityGroup: { id: text(group.attributes, 'network_security_group_id') } } : {}),
    ...(gateway ? { natGateway: { id: text(gateway.attributes, 'nat_gateway_id') } } : {}),
  }
}

function subnetInUse(id: string, users: readonly string[]): CloudError {
  return new CloudError(
    'InUseSubnetCannotBeDeleted',
    `Subnet ${id.split('/').at(-1)} is in use by ${users.join(', ')} and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet.`,
    409,
  )
}

function inUse(
  attributes: Attributes,
  associations: readonly { readonly id: string; readonly attributes: Attributes }[],
  key: string,
  what: string,
): CloudError | undefined {
  const id = requiredText(attributes, 'id')
  const user = associations.find(other => sameId(requiredText(other.attributes, key), id))
  return (
    user &&
    new CloudError(
      'InUseResourceCannotBeDeleted',
      `${what} ${id} cannot be deleted because it is in use by the following resources: ${user.id}.`,
      409,
    )
  )
}
