/** What a kind is called in paths, and whether its objects lie in namespaces. */
export interface KindPath {
  readonly name: string
  readonly namespaced: boolean
}

/** Of APIs that Kubernetes never changes any more: a cluster is asked what it calls all others. */
const known: Readonly<Record<string, Readonly<Record<string, KindPath>>>> = {
  v1: {
    ConfigMap: { name: 'configmaps', namespaced: true },
    Namespace: { name: 'namespaces', namespaced: false },
    Secret: { name: 'secrets', namespaced: true },
    ServiceAccount: { name: 'serviceaccounts', namespaced: true },
  },
  'scheduling.k8s.io/v1': {
    PriorityClass: { name: 'priorityclasses', namespaced: false },
  },
  'storage.k8s.io/v1': {
    StorageClass: { name: 'storageclasses', namespaced: false },
  },
}

export function knownKind(apiVersion: string, kind: string): KindPath | undefined {
  return known[apiVersion]?.[kind]
}
