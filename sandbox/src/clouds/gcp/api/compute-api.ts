import type { Attributes, StoredResource } from '../../../store/resource-store.ts'
import { blocks, requiredText, text, textMap, texts } from '../attributes.ts'
import { computeLinkBase } from '../google.ts'
import { healthCheckRoutes } from './health-check-api.ts'
import { quotaRoutes } from './quota-api.ts'
import { readRoutes } from './resource-api.ts'
import type { Call, Route } from './routing.ts'

interface Kind {
  readonly type: string
  readonly collection: string
  readonly singular: string
  readonly regional: boolean
  readonly fields: (attributes: Attributes, call: Call) => object
}

const link = (value: unknown): string =>
  typeof value === 'string' && value !== '' && !value.startsWith('https:')
    ? `${computeLinkBase}${value}`
    : String(value ?? '')

const kinds: readonly Kind[] = [
  {
    type: 'google_compute_network',
    collection: 'networks',
    singular: 'network',
    regional: false,
    fields: attributes => ({
      autoCreateSubnetworks: attributes['auto_create_subnetworks'] === true,
      routingConfig: { routingMode: attributes['routing_mode'] },
    }),
  },
  {
    type: 'google_compute_subnetwork',
    collection: 'subnetworks',
    singular: 'subnetwork',
    regional: true,
    fields: attributes => ({
      network: link(attributes['network']),
      ipCidrRange: attributes['ip_cidr_range'],
      privateIpGoogleAccess: attributes['private_ip_google_access'] === true,
      secondaryIpRanges: blocks(attributes, 'secondary_ip_range').map(range => ({
        rangeName: range['range_name'],
        ipCidrRange: range['ip_cidr_range'],
      })),
    }),
  },
  {
    type: 'google_compute_router',
    collection: 'routers',
    singular: 'router',
    regional: true,
    fields: (attributes, { world }) => ({
      network: link(attributes['network']),
      nats: world.store
        .list('google_compute_router_nat')
        .filter(
          nat =>
            nat.attributes['router'] === attributes['name'] &&
            nat.attributes['region'] === attributes['region'],
        )
        .map(nat => ({
          name: nat.attributes['name'],
          natIpAllocateOption: nat.attributes['nat_ip_allocate_option'],
          sourceSubnetworkIpRangesToNat: nat.attributes['source_subnetwork_ip_ranges_to_nat'],
        })),
    }),
  },
  {
    type: 'google_compute_firewall',
    collection: 'firewalls',
    singular: 'firewall',
    regional: false,
    fields: attributes => ({
      network: link(attributes['network']),
      direction: attributes['direction'],
      priority: attributes['priority'],
      sourceRanges: texts(attributes, 'source_ranges'),
      allowed: blocks(attributes, 'allow').map(rule => ({
        IPProtocol: rule['protocol'],
        ports: texts(rule, 'ports'),
      })),
    }),
  },
  {
    type: 'google_compute_global_address',
    collection: 'addresses',
    singular: 'address',
    regional: false,
    fields: attributes => ({
      address: attributes['address'],
      prefixLength: attributes['prefix_length'],
      purpose: attributes['purpose'],
      addressType: attributes['address_type'],
      network: link(attributes['network']),
      labels: textMap(attributes, 'effective_labels'),
      status: 'RESERVED',
    }),
  },
  {
    type: 'google_compute_address',
    collection: 'addresses',
    singular: 'address',
    regional: true,
    fields: attributes => ({
      address: attributes['address'],
      addressType: attributes['address_type'] ?? 'EXTERNAL',
      labels: textMap(attributes, 'effective_labels'),
      status: 'RESERVED',
    }),
  },
  {
    type: 'google_compute_forwarding_rule',
    collection: 'forwardingRules',
    singular: 'forwardingRule',
    regional: true,
    fields: attributes => ({
      IPAddress: attributes['ip_address'],
      IPProtocol: attributes['ip_protocol'] ?? 'TCP',
      loadBalancingScheme: attributes['load_balancing_scheme'] ?? 'EXTERNAL',
      network: link(attributes['network']),
      labels: textMap(attributes, 'effective_labels'),
    }),
  },
]

const readings: readonly Route[] = kinds.flatMap(kind => {
  const scope = kind.regional ? 'regions/{location}' : 'global'
  return readRoutes({
    type: kind.type,
    item: `/compute/v1/projects/{project}/${scope}/${kind.collection}/{name}`,
    list: `/compute/v1/projects/{project}/${scope}/${kind.collection}`,
    listField: 'items',
    id: ({ project, location, name }) =>
      `projects/${project}/${kind.regional ? `regions/${location}` : 'global'}/${kind.collection}/${name}`,
    below: (attributes, { location }) => !kind.regional || attributes['region'] === location,
    project: (resource, call) => ({ ...common(resource, kind), ...kind.fields(resource.attributes, call) }),
  })
})

/** https://cloud.google.com/compute/docs/reference/rest/v1 */
export const computeRoutes: readonly Route[] = [...readings, ...healthCheckRoutes, ...quotaRoutes]

function common({ attributes, createdAt }: StoredResource, kind: Kind): object {
  return {
    kind: `compute#${kind.singular}`,
    name: requiredText(attributes, 'name'),
    description: text(attributes, 'description') ?? '',
    selfLink: attributes['self_link'],
    creationTimestamp: text(attributes, 'creation_timestamp') ?? createdAt,
    ...(kind.regional
      ? { region: `${computeLinkBase}projects/${attributes['project']}/regions/${attributes['region']}` }
      : {}),
  }
}
