import { CloudError } from '../../../behaviour.ts'
import type { StoredResource } from '../../../store/resource-store.ts'
import { firstObject, flag, integer, objects, text, textMap, texts } from '../attributes.ts'
import { inRegion, tagsOf } from '../naming.ts'
import type { ApiScope } from './answer.ts'

type Operation = (parts: readonly string[], scope: ApiScope, query: URLSearchParams) => object

/** Path templates of the EKS API; `*` is a path segment that the operation gets. */
const routes: readonly { readonly path: readonly string[]; readonly run: Operation }[] = [
  {
    path: ['clusters'],
    run: (_parts, { world, region }) => ({
      clusters: inRegion(world, 'aws_eks_cluster', region).map(one => one.id),
    }),
  },
  {
    path: ['clusters', '*'],
    run: ([name = ''], scope) => ({ cluster: showCluster(clusterOf(name, scope)) }),
  },
  {
    path: ['clusters', '*', 'node-groups'],
    run: ([name = ''], scope) => ({
      nodegroups: inside('aws_eks_node_group', name, scope).map(group =>
        text(group.attributes, 'node_group_name'),
      ),
    }),
  },
  {
    path: ['clusters', '*', 'node-groups', '*'],
    run: ([name = '', group = ''], scope) => ({
      nodegroup: showGroup(
        one('aws_eks_node_group', `${name}:${group}`, `No node group found for name: ${group}.`, scope),
      ),
    }),
  },
  {
    path: ['clusters', '*', 'addons'],
    run: ([name = ''], scope) => ({
      addons: inside('aws_eks_addon', name, scope).map(addon => text(addon.attributes, 'addon_name')),
    }),
  },
  {
    path: ['clusters', '*', 'addons', '*'],
    run: ([name = '', addon = ''], scope) => ({
      addon: showAddon(
        one('aws_eks_addon', `${name}:${addon}`, `No addon: ${addon} found in cluster: ${name}`, scope),
      ),
    }),
  },
  {
    path: ['clusters', '*', 'access-entries'],
    run: ([name = ''], scope) => ({
      accessEntries: inside('aws_eks_access_entry', name, scope).map(entry =>
        text(entry.attributes, 'principal_arn'),
      ),
    }),
  },
  {
    path: ['clusters', '*', 'access-entries', '*'],
    run: ([name = '', principal = ''], scope) => {
      const entry = one(
        'aws_eks_access_entry',
        `${name}:${principal}`,
        'The specified principalArn could not be found',
        scope,
      )
      return {
        accessEntry: {
          clusterName: name,
          principalArn: principal,
          accessEntryArn: text(entry.attributes, 'access_entry_arn'),
          kubernetesGroups: texts(entry.attributes, 'kubernetes_groups'),
          username: text(entry.attributes, 'user_name'),
          type: text(entry.attributes, 'type'),
          tags: tagsOf(entry),
        },
      }
    },
  },
  {
    path: ['clusters', '*', 'access-entries', '*', 'access-policies'],
    run: ([name = '', principal = ''], scope) => ({
      clusterName: name,
      principalArn: principal,
      associatedAccessPolicies: inside('aws_eks_access_policy_association', name, scope)
        .filter(({ attributes }) => attributes['principal_arn'] === principal)
        .map(({ attributes }) => ({
          policyArn: text(attributes, 'policy_arn'),
          accessScope: { type: text(firstObject(attributes, 'access_scope'), 'type'), namespaces: [] },
        })),
    }),
  },
  {
    path: ['clusters', '*', 'pod-identity-associations'],
    run: ([name = ''], scope, query) => ({
      associations: inside('aws_eks_pod_identity_association', name, scope)
        .filter(({ attributes }) =>
          ['namespace', 'serviceAccount'].every(key => {
            const wanted = query.get(key)
            const own = attributes[key === 'namespace' ? 'namespace' : 'service_account']
            return wanted === null || wanted === own
          }),
        )
        .map(({ id, attributes }) => ({
          clusterName: name,
          namespace: text(attributes, 'namespace'),
          serviceAccount: text(attributes, 'service_account'),
          associationArn: text(attributes, 'association_arn'),
          associationId: id,
        })),
    }),
  },
]

/** Answers GET requests of the EKS REST API. */
export function eksAnswer(method: string, path: string, query: URLSearchParams, scope: ApiScope): object {
  const segments = path
    .split('/')
    .filter(segment => segment !== '')
    .map(decodeURIComponent)
  const route = routes.find(
    ({ path: template }) =>
      template.length === segments.length &&
      template.every((part, index) => part === '*' || part === segments[index]),
  )
  if (route === undefined || method !== 'GET')
    throw new CloudError('UnknownOperationException', `the sandbox does not answer ${method} ${path}`, 404)
  return route.run(
    segments.filter((_segment, index) => route.path[index] === '*'),
    scope,
    query,
  )
}

function clusterOf(name: string, { world, region }: ApiScope): StoredResource {
  const found = inRegion(world, 'aws_eks_cluster', region).find(cluster => cluster.id === name)
  if (found === undefined)
    throw new CloudError('ResourceNotFoundException', `No cluster found for name: ${name}.`, 404)
  return found
}

function inside(type: string, cluster: string, scope: ApiScope): readonly StoredResource[] {
  clusterOf(cluster, scope)
  return scope.world.store.list(type).filter(({ attributes }) => attributes['cluster_name'] === cluster)
}

function one(type: string, id: string, message: string, { world }: ApiScope): StoredResource {
  const found = world.store.get(type, id)
  if (found === undefined) throw new CloudError('ResourceNotFoundException', message, 404)
  return found
}

function showCluster({ id, attributes }: StoredResource): object {
  const network = firstObject(attributes, 'kubernetes_network_config')
  const vpc = firstObject(attributes, 'vpc_config')
  return {
    name: id,
    arn: text(attributes, 'arn'),
    createdAt: Date.parse(text(attributes, 'created_at') ?? '') / 1000,
    version: text(attributes, 'version'),
    endpoint: text(attributes, 'endpoint'),
    roleArn: text(attributes, 'role_arn'),
    resourcesVpcConfig: {
      subnetIds: texts(vpc, 'subnet_ids'),
      securityGroupIds: texts(vpc, 'security_group_ids'),
      clusterSecurityGroupId: text(vpc, 'cluster_security_group_id'),
      vpcId: text(vpc, 'vpc_id'),
      endpointPublicAccess: flag(vpc, 'endpoint_public_access'),
      endpointPrivateAccess: flag(vpc, 'endpoint_private_access'),
      publicAccessCidrs: texts(vpc, 'public_access_cidrs'),
    },
    kubernetesNetworkConfig: {
      serviceIpv4Cidr: text(network, 'service_ipv4_cidr'),
      ipFamily: text(network, 'ip_family'),
    },
    logging: { clusterLogging: [{ types: texts(attributes, 'enabled_cluster_log_types'), enabled: true }] },
    identity: { oidc: { issuer: text(firstObject(firstObject(attributes, 'identity'), 'oidc'), 'issuer') } },
    status: text(attributes, 'status'),
    certificateAuthority: { data: text(firstObject(attributes, 'certificate_authority'), 'data') },
    platformVersion: text(attributes, 'platform_version'),
    tags: textMap(attributes, 'tags_all'),
    encryptionConfig: objects(attributes, 'encryption_config').map(config => ({
      resources: texts(config, 'resources'),
      provider: { keyArn: text(firstObject(config, 'provider'), 'key_arn') },
    })),
    accessConfig: {
      authenticationMode: text(firstObject(attributes, 'access_config'), 'authentication_mode'),
    },
  }
}

function showGroup({ attributes }: StoredResource): object {
  const scaling = firstObject(attributes, 'scaling_config')
  return {
    nodegroupName: text(attributes, 'node_group_name'),
    nodegroupArn: text(attributes, 'arn'),
    clusterName: text(attributes, 'cluster_name'),
    version: text(attributes, 'version'),
    releaseVersion: text(attributes, 'release_version'),
    status: text(attributes, 'status'),
    capacityType: text(attributes, 'capacity_type'),
    scalingConfig: {
      minSize: integer(scaling, 'min_size'),
      maxSize: integer(scaling, 'max_size'),
      desiredSize: integer(scaling, 'desired_size'),
    },
    instanceTypes: texts(attributes, 'instance_types'),
    subnets: texts(attributes, 'subnet_ids'),
    amiType: text(attributes, 'ami_type'),
    nodeRole: text(attributes, 'node_role_arn'),
    labels: textMap(attributes, 'labels'),
    health: { issues: [] },
    tags: textMap(attributes, 'tags_all'),
  }
}

function showAddon({ attributes }: StoredResource): object {
  return {
    addonName: text(attributes, 'addon_name'),
    clusterName: text(attributes, 'cluster_name'),
    status: 'ACTIVE',
    addonVersion: text(attributes, 'addon_version'),
    addonArn: text(attributes, 'arn'),
    health: { issues: [] },
    tags: textMap(attributes, 'tags_all'),
  }
}
