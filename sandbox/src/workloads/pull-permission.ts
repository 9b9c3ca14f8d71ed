import { firstObject as blockOf, text } from '../clouds/aws/attributes.ts'
import { isWithin, lastSegment, sameId } from '../clouds/azure/arm-id.ts'
import type { StoredResource } from '../store/resource-store.ts'
import type { World } from '../world.ts'

const pullPolicies = [
  'AmazonEC2ContainerRegistryPullOnly',
  'AmazonEC2ContainerRegistryReadOnly',
  'AmazonEC2ContainerRegistryPowerUser',
  'AmazonEC2ContainerRegistryFullAccess',
]
const pullRoles = [
  'roles/artifactregistry.reader',
  'roles/artifactregistry.writer',
  'roles/artifactregistry.repoAdmin',
  'roles/artifactregistry.admin',
]

/** What a cluster's nodes are told when their identity may not pull, naming what is missing; undefined when it may. */
export function pullRefusal(
  world: World,
  clusterKey: string,
  host: string,
  repository: string,
): string | undefined {
  const [cloud, cluster = ''] = clusterKey.split('/')
  switch (cloud) {
    case 'aws':
      return ecrRefusal(world, cluster, host, repository)
    case 'gcp':
      return artifactRegistryRefusal(world, cluster, host, repository)
    default:
      return acrRefusal(world, cluster, host)
  }
}

/** https://docs.aws.amazon.com/AmazonECR/latest/userguide/ECR_on_EKS.html: the nodes' role needs it. */
function ecrRefusal(world: World, cluster: string, host: string, repository: string): string | undefined {
  const groups = world.store
    .list('aws_eks_node_group')
    .filter(group => group.attributes['cluster_name'] === cluster)
  const roles = groups.map(group => (text(group.attributes, 'node_role_arn') ?? '').split('/').at(-1) ?? '')
  const attached = world.store
    .list('aws_iam_role_policy_attachment')
    .filter(({ attributes }) =>
      pullPolicies.includes(text(attributes, 'policy_arn')?.split('/').at(-1) ?? ''),
    )
    .map(({ attributes }) => text(attributes, 'role') ?? '')
  const lacking = roles.find(role => !attached.includes(role))
  if (roles.length > 0 && lacking === undefined) return undefined
  const [account, , , region] = host.split('.')
  return `403 Forbidden: User: arn:aws:sts::${account}:assumed-role/${lacking ?? '(no node group)'} is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:${region}:${account}:repository/${repository}`
}

/** https://cloud.google.com/artifact-registry/docs/access-control#gke: the nodes' service account needs it. */
function artifactRegistryRefusal(
  world: World,
  cluster: string,
  host: string,
  image: string,
): string | undefined {
  const [project, repository] = image.split('/')
  const location = host.replace(/-docker\.pkg\.dev$/, '')
  const accounts = [
    ...world.store.list('google_container_node_pool'),
    ...world.store.list('google_container_cluster'),
  ]
    .filter(
      ({ attributes, type }) =>
        lastSegment(text(attributes, type === 'google_container_cluster' ? 'name' : 'cluster') ?? '') ===
        cluster,
    )
    .map(({ attributes }) => text(blockOf(attributes, 'node_config'), 'service_account'))
    .filter(account => account !== undefined)
  const grants: readonly StoredResource[] = [
    ...world.store
      .list('google_artifact_registry_repository_iam_member')
      .filter(
        ({ attributes }) =>
          lastSegment(text(attributes, 'repository') ?? '') === repository &&
          (text(attributes, 'location') ?? location) === location,
      ),
    ...world.store.list('google_project_iam_member'),
  ]
  const may = (account: string) =>
    grants.some(
      ({ attributes }) =>
        text(attributes, 'member') === `serviceAccount:${account}` &&
        pullRoles.includes(text(attributes, 'role') ?? ''),
    )
  if (accounts.some(may)) return undefined
  return `403 Forbidden: denied: Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "projects/${project}/locations/${location}/repositories/${repository}" (or it may not exist)`
}

/** https://learn.microsoft.com/azure/aks/cluster-container-registry-integration: AcrPull for the kubelet's identity. */
function acrRefusal(world: World, cluster: string, host: string): string | undefined {
  const found = world.store
    .list('azurerm_kubernetes_cluster')
    .find(({ id }) => sameId(lastSegment(id), cluster))
  const registry = world.store
    .list('azurerm_container_registry')
    .find(({ id }) => `${lastSegment(id).toLowerCase()}.azurecr.io` === host)
  const principal = text(blockOf(found?.attributes ?? {}, 'kubelet_identity'), 'object_id')
  const may = world.store
    .list('azurerm_role_assignment')
    .some(
      ({ attributes }) =>
        registry !== undefined &&
        text(attributes, 'principal_id') === principal &&
        ['AcrPull', 'AcrPush', 'Contributor', 'Owner'].includes(
          text(attributes, 'role_definition_name') ?? '',
        ) &&
        isWithin(registry.id, text(attributes, 'scope') ?? '-'),
    )
  if (may && principal !== undefined) return undefined
  return `401 Unauthorized: failed to fetch oauth token for ${host}: the kubelet identity ${principal ?? '(none)'} has no role AcrPull on the registry`
}
