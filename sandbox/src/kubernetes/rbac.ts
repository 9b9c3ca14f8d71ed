/**
 * A cloud's `reviewToken` puts this group on identities that its access bindings (EKS access entry, GKE's
 * roles/container.admin, AKS RBAC Cluster Admin) make cluster administrators.
 */
export const clusterAdminsGroup = 'sandbox:cluster-admins'

/** What every cluster has from its first minute. */
export function clusterDefaults(): readonly object[] {
  return [
    binding('sandbox:cluster-admins', 'cluster-admin', clusterAdminsGroup),
    // The clouds publish each cluster's service account keys to the world; so that token exchange can check them.
    binding('sandbox:public-issuer', 'system:service-account-issuer-discovery', 'system:unauthenticated'),
  ]
}

function binding(name: string, role: string, group: string): object {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group }],
  }
}
