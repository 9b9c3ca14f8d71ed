import { createHash } from 'node:crypto'
import { addressAt, contains, overlap } from '../../../addresses.ts'
import { CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import type { ClusterEndpoint, World } from '../../../world.ts'
import { block, blocks, count, flag, requiredText, text, texts } from '../attributes.ts'
import { azureType, requireExisting, resourceGroupIdOf } from '../azure-type.ts'
import { keyExists } from './key-vault.ts'
import { applyPool, checkPool, clusterKey, startingNodes } from './node-groups.ts'

const patchRelease = '4'

export const kubernetesCluster = azureType({
  type: 'azurerm_kubernetes_cluster',
  source:
    'https://learn.microsoft.com/rest/api/aks/managed-clusters; https://learn.microsoft.com/azure/aks/azure-cni-powered-by-cilium; https://learn.microsoft.com/azure/aks/use-kms-etcd-encryption; https://learn.microsoft.com/azure/aks/use-managed-identity',
  seconds: { create: 300, update: 180, delete: 300 },
  refuses: { create: ['ManagedResourceGroupAlreadyExists'] },
  name: {
    attribute: 'name',
    pattern: /^[a-zA-Z0-9]([-\w]{0,61}[a-zA-Z0-9])?$/,
    text: 'must be 1 to 63 letters, numbers, underscores and hyphens, and begin and end with a letter or number',
  },
  recomputedOn: { current_kubernetes_version: ['kubernetes_version'] },
  validate(configured) {
    const problems: { path?: string; message: string }[] = []
    const network = block(configured, 'network_profile')
    if (network !== undefined) {
      if (text(network, 'network_data_plane') === 'cilium' && text(network, 'network_plugin') !== 'azure')
        problems.push({
          path: 'network_profile.0.network_data_plane',
          message:
            'when `network_data_plane` is set to `cilium`, the `network_plugin` field can only be set to `azure`',
        })
      if (text(network, 'network_policy') === 'cilium' && text(network, 'network_data_plane') !== 'cilium')
        problems.push({
          path: 'network_profile.0.network_policy',
          message:
            'when the network policy is set to `cilium`, the `network_data_plane` field must be set to `cilium`',
        })
    }
    if (
      flag(configured, 'local_account_disabled') &&
      !block(configured, 'azure_active_directory_role_based_access_control')
    )
      problems.push({
        path: 'local_account_disabled',
        message: 'local accounts can be disabled only when Microsoft Entra integration is enabled',
      })
    const pool = block(configured, 'default_node_pool')?.['name']
    if (typeof pool === 'string' && !/^[a-z][a-z0-9]{0,11}$/.test(pool))
      problems.push({
        path: 'default_node_pool.0.name',
        message: 'must start with a lowercase letter, have max length of 12, and only have characters a-z0-9',
      })
    return problems
  },
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/providers/Microsoft.ContainerService/managedClusters/${requiredText(planned, 'name')}`,
  references: planned => ({
    'default_node_pool.vnet_subnet_id': text(block(planned, 'default_node_pool') ?? {}, 'vnet_subnet_id'),
    'identity.identity_ids': texts(block(planned, 'identity') ?? {}, 'identity_ids')[0],
    'kubelet_identity.user_assigned_identity_id': text(
      block(planned, 'kubelet_identity') ?? {},
      'user_assigned_identity_id',
    ),
  }),
  async create(planned, id, scope) {
    const { world } = scope
    const pool = block(planned, 'default_node_pool') ?? {}
    checkPool(pool)
    checkNetwork(planned, world)
    checkKey(planned, world)
    const network = block(planned, 'network_profile') ?? {}
    const version = text(planned, 'kubernetes_version') ?? '1.35'
    const endpoint = await world.clusters.create(
      clusterKey(id),
      {
        cloud: 'azure',
        name: requiredText(planned, 'name'),
        version,
        serviceCidr: text(network, 'service_cidr') ?? '10.0.0.0/16',
        podCidr: text(network, 'pod_cidr') ?? '10.244.0.0/16',
      },
      message => scope.report(message),
    )
    const made = { ...planned, ...clusterFacts(planned, id, endpoint, world, version) }
    makeNodeResourceGroup(made, world)
    await applyPool(world, made, block(made, 'default_node_pool') ?? {})
    return made
  },
  async update(prior, planned, { world }) {
    const next = { ...prior, ...planned }
    const pool = block(next, 'default_node_pool') ?? {}
    checkPool(pool)
    await applyPool(world, next, pool)
    return {
      ...next,
      current_kubernetes_version: fullVersion(text(next, 'kubernetes_version') ?? '1.35'),
    }
  },
  async removed(attributes, { world }) {
    await world.clusters.destroy(clusterKey(requiredText(attributes, 'id')))
    world.store.delete('azurerm_resource_group', text(attributes, 'node_resource_group_id') ?? '')
  },
  arm: {
    type: 'Microsoft.ContainerService/managedClusters',
    project: (attributes, world) => ({
      sku: { name: 'Base', tier: text(attributes, 'sku_tier') ?? 'Free' },
      identity: {
        type: 'UserAssigned',
        userAssignedIdentities: Object.fromEntries(
          texts(block(attributes, 'identity') ?? {}, 'identity_ids').map(identity => [identity, {}]),
        ),
      },
      properties: {
        provisioningState: 'Succeeded',
        powerState: { code: 'Running' },
        kubernetesVersion: text(attributes, 'kubernetes_version'),
        currentKubernetesVersion: text(attributes, 'current_kubernetes_version'),
        dnsPrefix: text(attributes, 'dns_prefix'),
        fqdn: text(attributes, 'fqdn'),
        nodeResourceGroup: text(attributes, 'node_resource_group'),
        enableRBAC: true,
        disableLocalAccounts: flag(attributes, 'local_account_disabled'),
        oidcIssuerProfile: { enabled: true, issuerURL: text(attributes, 'oidc_issuer_url') },
        securityProfile: {
          workloadIdentity: { enabled: flag(attributes, 'workload_identity_enabled') },
          ...(block(attributes, 'key_management_service')
            ? {
                azureKeyVaultKms: {
                  enabled: true,
                  keyId: text(block(attributes, 'key_management_service') ?? {}, 'key_vault_key_id'),
                },
              }
            : {}),
        },
        aadProfile: {
          managed: true,
          enableAzureRBAC: flag(
            block(attributes, 'azure_active_directory_role_based_access_control') ?? {},
            'azure_rbac_enabled',
          ),
          tenantID: world.secrets.azureTenantId,
        },
        networkProfile: networkProfile(block(attributes, 'network_profile') ?? {}),
        agentPoolProfiles: [
          poolProfile({ ...(block(attributes, 'default_node_pool') ?? {}), mode: 'System' }),
          ...world.store
            .list('azurerm_kubernetes_cluster_node_pool')
            .filter(other => text(other.attributes, 'kubernetes_cluster_id') === text(attributes, 'id'))
            .map(other => poolProfile(other.attributes)),
        ],
      },
    }),
  },
})

/** A node pool as ARM shows it, within its cluster or alone. */
export function poolProfile(pool: Attributes): object {
  return {
    name: text(pool, 'name'),
    mode: text(pool, 'mode'),
    count: startingNodes(pool),
    vmSize: text(pool, 'vm_size'),
    osType: 'Linux',
    osSKU: text(pool, 'os_sku'),
    type: 'VirtualMachineScaleSets',
    provisioningState: 'Succeeded',
    powerState: { code: 'Running' },
    enableAutoScaling: flag(pool, 'auto_scaling_enabled'),
    minCount: count(pool, 'min_count'),
    maxCount: count(pool, 'max_count'),
    orchestratorVersion: text(pool, 'orchestrator_version'),
    scaleSetPriority: text(pool, 'priority') ?? 'Regular',
    nodeTaints: texts(pool, 'node_taints'),
    vnetSubnetID: text(pool, 'vnet_subnet_id'),
  }
}

function clusterFacts(
  planned: Attributes,
  id: string,
  endpoint: ClusterEndpoint,
  world: World,
  version: string,
): Attributes {
  const location = requiredText(planned, 'location')
  const prefix = text(planned, 'dns_prefix') ?? requiredText(planned, 'name')
  const hash = createHash('sha256').update(id).digest('hex').slice(0, 8)
  const nodeGroup =
    text(planned, 'node_resource_group') ??
    `MC_${requiredText(planned, 'resource_group_name')}_${requiredText(planned, 'name')}_${location}`
  const network = block(planned, 'network_profile') ?? {}
  const serviceCidr = text(network, 'service_cidr') ?? '10.0.0.0/16'
  const pool = block(planned, 'default_node_pool') ?? {}
  const kubeConfig = {
    host: endpoint.endpoint,
    cluster_ca_certificate: Buffer.from(endpoint.caPem).toString('base64'),
    // Local accounts are off: who connects brings an Entra token.
    client_certificate: '',
    client_key: '',
    username: '',
    password: '',
  }
  return {
    id,
    fqdn: `${prefix}-${hash}.hcp.${location}.azmk8s.io`,
    portal_fqdn: `${prefix}-${hash}.portal.hcp.${location}.azmk8s.io`,
    private_fqdn: '',
    current_kubernetes_version: fullVersion(version),
    kubernetes_version: version,
    node_resource_group: nodeGroup,
    node_resource_group_id: `/subscriptions/${id.split('/')[2]}/resourceGroups/${nodeGroup}`,
    oidc_issuer_url: endpoint.issuer,
    http_application_routing_zone_name: '',
    private_dns_zone_id: '',
    kube_config: [kubeConfig],
    kube_config_raw: '',
    kube_admin_config: [],
    kube_admin_config_raw: '',
    default_node_pool: [
      {
        ...pool,
        kubelet_disk_type: text(pool, 'kubelet_disk_type') ?? 'OS',
        max_pods: count(pool, 'max_pods') ?? 250,
        node_count: startingNodes(pool),
        node_labels: pool['node_labels'] ?? {},
        orchestrator_version: text(pool, 'orchestrator_version') ?? version,
        os_disk_size_gb: count(pool, 'os_disk_size_gb') ?? 128,
        os_sku: text(pool, 'os_sku') ?? 'Ubuntu',
        workload_runtime: text(pool, 'workload_runtime') ?? 'OCIContainer',
      },
    ],
    azure_active_directory_role_based_access_control: blocks(
      planned,
      'azure_active_directory_role_based_access_control',
    ).map(entra => ({ ...entra, tenant_id: text(entra, 'tenant_id') ?? world.secrets.azureTenantId })),
    kubelet_identity: blocks(planned, 'kubelet_identity'),
    network_profile: [
      {
        ...network,
        service_cidr: serviceCidr,
        service_cidrs: [serviceCidr],
        pod_cidr: text(network, 'pod_cidr') ?? '10.244.0.0/16',
        pod_cidrs: [text(network, 'pod_cidr') ?? '10.244.0.0/16'],
        dns_service_ip: text(network, 'dns_service_ip') ?? addressAt(serviceCidr, 10),
        ip_versions: ['IPv4'],
        network_mode: text(network, 'network_mode') ?? '',
        network_policy: text(network, 'network_policy') ?? '',
      },
    ],
    ...Object.fromEntries(
      ['maintenance_window_auto_upgrade', 'maintenance_window_node_os'].map(name => [
        name,
        blocks(planned, name).map(window => ({
          ...window,
          start_date: text(window, 'start_date') ?? `${new Date().toISOString().slice(0, 10)}T00:00:00Z`,
        })),
      ]),
    ),
  }
}

function checkNetwork(planned: Attributes, world: World): void {
  const network = block(planned, 'network_profile') ?? {}
  const subnetId = text(block(planned, 'default_node_pool') ?? {}, 'vnet_subnet_id')
  const serviceCidr = text(network, 'service_cidr')
  const podCidr = text(network, 'pod_cidr')
  const dns = text(network, 'dns_service_ip')
  if (serviceCidr !== undefined && podCidr !== undefined && overlap(serviceCidr, podCidr))
    throw new CloudError(
      'ServiceCidrOverlapPodCidr',
      `The specified service CIDR ${serviceCidr} is conflicted with pod CIDR ${podCidr}.`,
    )
  if (serviceCidr !== undefined && dns !== undefined && !contains(serviceCidr, `${dns}/32`))
    throw new CloudError(
      'DnsServiceIpOutOfServiceCidr',
      `DNS service IP ${dns} must be within the Kubernetes service address range ${serviceCidr}.`,
    )
  if (subnetId === undefined) return
  const subnet = requireExisting(subnetId, 'default_node_pool.vnet_subnet_id', world.store)
  const clash = texts(subnet.attributes, 'address_prefixes').find(
    prefix => serviceCidr !== undefined && overlap(prefix, serviceCidr),
  )
  if (clash !== undefined)
    throw new CloudError(
      'ServiceCidrOverlapExistingSubnetsCidr',
      `The specified service CIDR ${serviceCidr} is conflicted with an existing subnet CIDR ${clash}.`,
    )
  const gateway = world.store.get('azurerm_subnet_nat_gateway_association', subnet.id)
  if (text(network, 'outbound_type') === 'userAssignedNATGateway' && gateway === undefined)
    throw new CloudError(
      'ExistingNatGatewayNotAssociatedWithSubnet',
      `The subnet ${subnet.id} has no NAT gateway, which outbound type userAssignedNATGateway needs.`,
    )
}

function checkKey(planned: Attributes, world: World): void {
  const key = text(block(planned, 'key_management_service') ?? {}, 'key_vault_key_id')
  if (key !== undefined && !keyExists(key, world.store))
    throw new CloudError(
      'AzureKeyVaultKmsValidateKeyFailed',
      `The key ${key} was not found, or the cluster's identity may not use it.`,
    )
}

/** AKS makes and owns a second group for machines and disks, with the cluster's tags. */
function makeNodeResourceGroup(cluster: Attributes, world: World): void {
  const id = requiredText(cluster, 'node_resource_group_id')
  const existing = world.store.get('azurerm_resource_group', id)
  if (existing !== undefined && text(existing.attributes, 'managed_by') !== text(cluster, 'id'))
    throw new CloudError(
      'ManagedResourceGroupAlreadyExists',
      `The node resource group ${requiredText(cluster, 'node_resource_group')} already exists and is not managed by this cluster.`,
      409,
    )
  world.store.put('azurerm_resource_group', id, {
    id,
    name: requiredText(cluster, 'node_resource_group'),
    location: requiredText(cluster, 'location'),
    managed_by: requiredText(cluster, 'id'),
    tags: { ...Object(cluster['tags']), 'aks-managed-cluster-name': requiredText(cluster, 'name') },
  })
}

function networkProfile(network: Attributes): object {
  return {
    networkPlugin: text(network, 'network_plugin'),
    networkPluginMode: text(network, 'network_plugin_mode'),
    networkDataplane: text(network, 'network_data_plane'),
    networkPolicy: text(network, 'network_policy'),
    podCidr: text(network, 'pod_cidr'),
    serviceCidr: text(network, 'service_cidr'),
    dnsServiceIP: text(network, 'dns_service_ip'),
    outboundType: text(network, 'outbound_type'),
    loadBalancerSku: text(network, 'load_balancer_sku'),
  }
}

/** AKS chooses the patch of a minor version. */
export function fullVersion(version: string): string {
  return /^\d+\.\d+$/.test(version) ? `${version}.${patchRelease}` : version
}
