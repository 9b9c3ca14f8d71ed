/** What IAM calls a request to EKS. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelastickubernetesservice.html */
const reads: readonly (readonly [RegExp, string])[] = [
  [/^\/clusters$/, 'ListClusters'],
  [/^\/clusters\/[^/]+$/, 'DescribeCluster'],
  [/^\/clusters\/[^/]+\/node-groups$/, 'ListNodegroups'],
  [/^\/clusters\/[^/]+\/node-groups\/[^/]+$/, 'DescribeNodegroup'],
  [/^\/clusters\/[^/]+\/addons$/, 'ListAddons'],
  [/^\/clusters\/[^/]+\/addons\/[^/]+$/, 'DescribeAddon'],
  [/^\/clusters\/[^/]+\/access-entries$/, 'ListAccessEntries'],
  [/^\/clusters\/[^/]+\/access-entries\/[^/]+$/, 'DescribeAccessEntry'],
  [/^\/clusters\/[^/]+\/access-entries\/[^/]+\/access-policies$/, 'ListAssociatedAccessPolicies'],
  [/^\/clusters\/[^/]+\/pod-identity-associations$/, 'ListPodIdentityAssociations'],
  [/^\/clusters\/[^/]+\/pod-identity-associations\/[^/]+$/, 'DescribePodIdentityAssociation'],
  [/^\/addons\/supported-versions$/, 'DescribeAddonVersions'],
  [/^\/cluster-versions$/, 'DescribeClusterVersions'],
  [/^\/tags\/.+$/, 'ListTagsForResource'],
]

/** Changes are told apart by their method alone: no role of this platform has any of them. */
export function eksAction(method: string, path: string): string {
  const read = method === 'GET' ? reads.find(([pattern]) => pattern.test(path))?.[1] : undefined
  return `eks:${read ?? method}`
}
