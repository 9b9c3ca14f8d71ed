import { addressAt } from '../../../addresses.ts'
import { CloudError } from '../../../behaviour.ts'
import { isWithin, sameId } from '../arm-id.ts'
import { blocks, flag, requiredText, text, texts } from '../attributes.ts'
import { azureType, resourceGroupIdOf } from '../azure-type.ts'

export const privateDnsZone = azureType({
  type: 'azurerm_private_dns_zone',
  source:
    'https://learn.microsoft.com/azure/dns/private-dns-privatednszone (2 to 34 labels; 25000 record sets, 1000 links, 100 with registration; a linked zone cannot be deleted)',
  seconds: { create: 35, update: 10, delete: 15 },
  refuses: { delete: ['CannotDeleteResource'] },
  name: {
    attribute: 'name',
    pattern: /^([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?\.){1,33}[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?$/i,
    text: 'must be a domain name of 2 to 34 labels',
  },
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/providers/Microsoft.Network/privateDnsZones/${requiredText(planned, 'name')}`,
  create: () => ({
    max_number_of_record_sets: 25000,
    max_number_of_virtual_network_links: 1000,
    max_number_of_virtual_network_links_with_registration: 100,
    number_of_record_sets: 1,
    soa_record: [
      {
        email: 'azureprivatedns-host.microsoft.com',
        expire_time: 2419200,
        fqdn: '',
        host_name: 'azureprivatedns.net',
        minimum_ttl: 10,
        refresh_time: 3600,
        retry_time: 300,
        serial_number: 1,
        tags: {},
        ttl: 3600,
      },
    ],
  }),
  blocker(attributes, store) {
    const id = requiredText(attributes, 'id')
    const link = store
      .list('azurerm_private_dns_zone_virtual_network_link')
      .find(other => isWithin(other.id, id))
    if (link === undefined) return undefined
    return new CloudError(
      'CannotDeleteResource',
      `Can not delete resource before nested resources are deleted: ${link.id}.`,
      409,
    )
  },
  arm: {
    type: 'Microsoft.Network/privateDnsZones',
    project: attributes => ({
      properties: {
        provisioningState: 'Succeeded',
        maxNumberOfRecordSets: attributes['max_number_of_record_sets'],
        numberOfRecordSets: attributes['number_of_record_sets'],
      },
    }),
  },
})

export const privateDnsZoneLink = azureType({
  type: 'azurerm_private_dns_zone_virtual_network_link',
  source:
    'https://learn.microsoft.com/azure/dns/private-dns-virtual-network-links (one link of a network to a zone)',
  seconds: { create: 35, update: 10, delete: 15 },
  refuses: { create: ['Conflict'] },
  name: {
    attribute: 'name',
    pattern: /^[a-zA-Z0-9]([-\w.]{0,78}\w)?$/,
    text: 'must begin with a letter or number and be 80 characters at most',
  },
  id: planned =>
    `${requiredText(planned, 'private_dns_zone_id')}/virtualNetworkLinks/${requiredText(planned, 'name')}`,
  references: planned => ({ virtual_network_id: text(planned, 'virtual_network_id') }),
  create(planned, id, { world }) {
    const network = requiredText(planned, 'virtual_network_id')
    const zone = requiredText(planned, 'private_dns_zone_id')
    const other = world.store
      .list('azurerm_private_dns_zone_virtual_network_link')
      .find(
        link =>
          isWithin(link.id, zone) && sameId(requiredText(link.attributes, 'virtual_network_id'), network),
      )
    if (other !== undefined)
      throw new CloudError(
        'Conflict',
        `A virtual network cannot be linked to multiple zones with overlapping namespaces. You tried to link virtual network with '${id}' zone, which already is linked by ${other.id}.`,
        409,
      )
    return { resolution_policy: text(planned, 'resolution_policy') ?? 'Default' }
  },
  arm: {
    type: 'Microsoft.Network/privateDnsZones/virtualNetworkLinks',
    project: attributes => ({
      properties: {
        provisioningState: 'Succeeded',
        virtualNetworkLinkState: 'Completed',
        registrationEnabled: flag(attributes, 'registration_enabled'),
        virtualNetwork: { id: text(attributes, 'virtual_network_id') },
      },
    }),
  },
})

/** Sub-resources that a private endpoint may reach, by the target's ARM type. */
const groupIds: Readonly<Record<string, readonly string[]>> = {
  'microsoft.storage/storageaccounts': ['blob', 'file', 'queue', 'table', 'dfs', 'web'],
  'microsoft.sql/servers': ['sqlServer'],
  'microsoft.cache/redisenterprise': ['redisEnterprise'],
  'microsoft.keyvault/vaults': ['vault'],
  'microsoft.containerregistry/registries': ['registry'],
}

export const privateEndpoint = azureType({
  type: 'azurerm_private_endpoint',
  source: 'https://learn.microsoft.com/azure/private-link/private-endpoint-overview#private-link-resource',
  seconds: { create: 50, update: 30, delete: 30 },
  name: {
    attribute: 'name',
    pattern: /^[a-zA-Z0-9]([-\w.]{0,78}\w)?$/,
    text: 'must begin with a letter or number and be 80 characters at most',
  },
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/providers/Microsoft.Network/privateEndpoints/${requiredText(planned, 'name')}`,
  references(planned) {
    const connection = blocks(planned, 'private_service_connection')[0] ?? {}
    const zones = texts(blocks(planned, 'private_dns_zone_group')[0] ?? {}, 'private_dns_zone_ids')
    return {
      subnet_id: text(planned, 'subnet_id'),
      private_connection_resource_id: text(connection, 'private_connection_resource_id'),
      ...Object.fromEntries(zones.map((zone, index) => [`private_dns_zone_ids.${index}`, zone])),
    }
  },
  create(planned, id, { world }) {
    const connection = blocks(planned, 'private_service_connection')[0] ?? {}
    const target = requiredText(connection, 'private_connection_resource_id')
    const type = /\/providers\/([^/]+\/[^/]+)\//i.exec(target)?.[1]?.toLowerCase() ?? ''
    const wanted = texts(connection, 'subresource_names')
    const unknown = wanted.find(name => !(groupIds[type] ?? []).includes(name))
    if (unknown !== undefined)
      throw new CloudError(
        'InvalidPrivateLinkServiceConnectionRequestGroupId',
        `Call to ${type} failed. Error message: The group id '${unknown}' is not supported by ${target}.`,
      )
    const subnet = world.store.get('azurerm_subnet', requiredText(planned, 'subnet_id'))
    const address = addressAt(
      texts(subnet?.attributes ?? {}, 'address_prefixes')[0] ?? '10.0.0.0/24',
      world.store.list('azurerm_private_endpoint').length + 5,
    )
    const nicName = text(planned, 'custom_network_interface_name') ?? `${requiredText(planned, 'name')}.nic`
    const host = `${target.split('/').at(-1)}`
    const group = blocks(planned, 'private_dns_zone_group')[0]
    return {
      custom_dns_configs: group === undefined ? [{ fqdn: host, ip_addresses: [address] }] : [],
      network_interface: [
        {
          id: `${id.replace(/\/privateEndpoints\/[^/]+$/, '')}/networkInterfaces/${nicName}`,
          name: nicName,
        },
      ],
      private_service_connection: [{ ...connection, private_ip_address: address }],
      ...(group === undefined
        ? { private_dns_zone_configs: [] }
        : {
            private_dns_zone_group: [
              { ...group, id: `${id}/privateDnsZoneGroups/${requiredText(group, 'name')}` },
            ],
            private_dns_zone_configs: texts(group, 'private_dns_zone_ids').map(zone => ({
              id: `${id}/privateDnsZoneGroups/${requiredText(group, 'name')}/privateDnsZoneConfigs/${zone.split('/').at(-1)}`,
              name: zone.split('/').at(-1),
              private_dns_zone_id: zone,
              record_sets: [
                {
                  fqdn: `${host}.${zone.split('/').at(-1)}`,
                  ip_addresses: [address],
                  name: host,
                  ttl: 10,
                  type: 'A',
                },
              ],
            })),
          }),
    }
  },
  arm: {
    type: 'Microsoft.Network/privateEndpoints',
    project: attributes => ({
      properties: {
        provisioningState: 'Succeeded',
        subnet: { id: text(attributes, 'subnet_id') },
        networkInterfaces: blocks(attributes, 'network_interface').map(nic => ({ id: text(nic, 'id') })),
        privateLinkServiceConnections: blocks(attributes, 'private_service_connection').map(connection => ({
          name: text(connection, 'name'),
          properties: {
            provisioningState: 'Succeeded',
            privateLinkServiceId: text(connection, 'private_connection_resource_id'),
            groupIds: texts(connection, 'subresource_names'),
            privateLinkServiceConnectionState: { status: 'Approved', description: 'Auto-Approved' },
          },
        })),
      },
    }),
  },
})
