import type { AuditEvent, AuditQuery } from './kubernetes/audit-events.ts'
import type { ServiceAccountIdentity } from './kubernetes/service-account-token.ts'
import type { ResourceStore } from './store/resource-store.ts'

/** What every simulated cloud is given. */
export interface World {
  readonly store: ResourceStore
  /** Absolute folder of everything the sandbox keeps. */
  readonly home: string
  /** PEM of the sandbox's own certificate authority, and its path. */
  readonly caPem: string
  readonly caFile: string
  /** `https://127.0.0.1:PORT` of each cloud's API; the object stores' own data planes behind them. */
  readonly endpoints: {
    readonly aws: string
    readonly gcp: string
    readonly azure: string
    readonly s3: string
    readonly gcs: string
    readonly blob: string
    readonly proxy: string
  }
  /** Random per sandbox, made at its first start, stable across restarts. */
  readonly secrets: SandboxSecrets
  readonly clusters: ClusterManager
  /**
   * Lets the blob service (azurite) answer for `<account>.blob.core.windows.net` with the sandbox's storage key, and
   * waits until it does. Safe to repeat; survives restarts. Accounts come and go with ARM storage accounts.
   */
  ensureBlobAccount(account: string): Promise<void>
  /** Resolves when what stands behind resources of this type (database and cache servers) is as the store says, or cannot be. */
  settled(type: string): Promise<void>
  /** 0: no simulated durations; 0.01 by default; 1: the clouds' real ones. */
  readonly timeScale: number
  log(message: string): void
}

export interface SandboxSecrets {
  readonly awsAccountId: string
  readonly awsAccessKeyId: string
  readonly awsSecretAccessKey: string
  readonly gcpProjectId: string
  /** Signs every token the simulated clouds issue (HMAC or RSA key, PEM). */
  readonly tokenSigningKeyPem: string
  readonly azureSubscriptionId: string
  readonly azureTenantId: string
  readonly azureClientId: string
  readonly azureClientSecret: string
  readonly azureStorageAccountKey: string
}

/** Real Kubernetes control planes, one a simulated cluster. `key` is `<cloud>/<cluster name>`. */
export interface ClusterManager {
  /** Starts etcd, kube-apiserver, controller-manager, scheduler and kwok and waits until /readyz answers. Safe to repeat. */
  create(key: string, spec: ClusterSpec, report: (message: string) => void): Promise<ClusterEndpoint>
  describe(key: string): ClusterEndpoint | undefined
  /** Whose token it is, when one of the clusters issued it for this audience and it is valid now. */
  serviceAccount(token: string, audience: string): Promise<ServiceAccountIdentity | undefined>
  /** What its API server wrote down, the oldest first; nothing of a cluster that is not there. */
  auditEvents(key: string, query: AuditQuery): Promise<readonly AuditEvent[]>
  /** Makes the nodes of one group exactly these. */
  setNodes(key: string, group: string, nodes: readonly NodeSpec[]): Promise<void>
  /** Applies cluster objects the cloud itself brings (add-ons, access bindings), as an administrator. */
  apply(key: string, objects: readonly object[]): Promise<void>
  /** Stops the processes and removes the data. Safe to repeat. */
  destroy(key: string): Promise<void>
}

export interface ClusterSpec {
  readonly cloud: 'aws' | 'gcp' | 'azure'
  readonly name: string
  /** '1.35' */
  readonly version: string
  readonly serviceCidr: string
  readonly podCidr: string
  /** Of its service accounts' tokens, where the cloud gives it a name of its own; the API's address otherwise. */
  readonly issuer?: string
}

export interface ClusterEndpoint {
  /** https://127.0.0.1:PORT */
  readonly endpoint: string
  readonly caPem: string
  /** https://…: the service account issuer. */
  readonly issuer: string
}

export interface NodeSpec {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly { readonly key: string; readonly value: string; readonly effect: string }[]
  readonly capacity: Readonly<Record<string, string>>
  readonly providerId: string
}
