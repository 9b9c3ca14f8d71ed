import type { Finding } from '../engine/check.ts'
import type { Leftover } from '../engine/events.ts'
import type { JsonObject } from '../engine/json.ts'
import type { RecordStore } from '../engine/record-store.ts'
import type { AuditLog } from './audit-log.ts'
import type { BackupService } from './backups.ts'
import type { CostLine } from './cost-line.ts'
import type { DnsService } from './dns.ts'

export type CloudName = 'aws' | 'gcp' | 'azure'
export type RootName = 'foundation' | 'cluster' | 'peers' | 'delivery'

/**
 * What differs between clouds, and nothing else. Every method talks to the cloud through its SDK, honours `signal`
 * and throws MlpError (MLP3xxx) with the cloud's own message in `detail`: MLP3001 expired or refused credentials,
 * MLP3002 endpoint unreachable, MLP3003 permission denied, MLP3004 quota, MLP3005 throttled past the limit.
 */
export interface Cloud {
  readonly name: CloudName
  /** 'AWS', 'Google Cloud', 'Azure'. */
  readonly title: string
  /** Region or location the platform lives in. */
  readonly region: string
  identity(signal: AbortSignal): Promise<Identity>
  /** What the identity that runs mlp has to be allowed, in the form the cloud's own tools take or list it. */
  policy(): JsonObject
  /** The account's limits in this region that the needs touch. Asks, changes nothing; what is ours already is not counted twice. */
  quotas(needs: readonly QuotaNeed[], signal: AbortSignal): Promise<readonly Quota[]>
  /** What the configured platform costs here while it runs, by the cloud's own price list. Asks, changes nothing. */
  prices(signal: AbortSignal): Promise<readonly CostLine[]>
  /** Whether the cloud watches what the platform costs, as mlp.yaml says; a warning where it cannot. Asks, changes nothing. */
  budget(signal: AbortSignal): Promise<Finding>
  /** What is not yet as a first run needs it: APIs, resource providers, billing, the state bucket. Asks, changes nothing. */
  missingPreparations(signal: AbortSignal): Promise<readonly string[]>
  /** Makes it so; safe to repeat. Returns what teardown lists as kept. */
  prepare(signal: AbortSignal, report: (message: string) => void): Promise<readonly Leftover[]>
  /** What `prepare` made and teardown keeps, as found in the world now. */
  preparations(signal: AbortSignal): Promise<readonly Leftover[]>
  backend(root: RootName): TerraformBackend
  /** The part of the state bucket where mlp keeps what all machines have to know. Asks nothing before it is used. */
  record(): RecordStore
  /** Credentials and endpoints for terraform, by environment only. */
  terraformEnvironment(root: RootName, signal: AbortSignal): Promise<Readonly<Record<string, string>>>
  /**
   * Values for the root's variables; `foundation` holds that root's outputs when `root` is cluster, and for peers and
   * delivery those of both roots, with `issuers` of the other clusters' tokens by cloud, or `subjects`: what a token of
   * the pipeline says it is, by purpose.
   */
  variables(root: RootName, foundation: JsonObject | undefined): JsonObject
  /** What the root `delivery` has to know of the account besides, asked of the cloud; changes nothing. */
  federationFacts(signal: AbortSignal): Promise<JsonObject>
  /** What the pipeline signs in by and is not there, in words: whom the cloud trusts, and whom a job becomes. */
  missingTrust(signal: AbortSignal): Promise<readonly string[]>
  /**
   * The import id of a resource that exists under our deterministic name and carries our platform id, although
   * terraform's plan wants to create it; undefined when there is none. Closes the hole a killed terraform leaves.
   */
  findExisting(resource: PlannedResource, signal: AbortSignal): Promise<string | undefined>
  /** How far the cloud is with something that exists; `ready` for types without a life cycle. */
  condition(resource: PlannedResource, signal: AbortSignal): Promise<Condition>
  /** The cluster, or undefined when there is none. */
  cluster(signal: AbortSignal): Promise<ClusterAccess | undefined>
  token(clusterName: string, signal: AbortSignal): Promise<ClusterToken>
  /** The cloud's own program for kubectl, as its own CLI writes it into a kubeconfig. */
  tokenPlugin(clusterName: string): TokenPlugin
  /** Signs in to the registry of the platform's images. The password ends by itself, within hours. */
  registry(signal: AbortSignal): Promise<RegistryLogin>
  /** Where a service's images are, `<host>/<path>`: known without asking. */
  repository(service: ServiceName): string
  /** Where a bucket of phase 1's is, as data-sync names it: `s3://bucket`, `gs://bucket`, `azure://account/container`. */
  bucketAddress(bucket: 'models' | 'data'): string
  /** The guide's Step 6, one check a thing: cluster, buckets, database, cache, registry. */
  infrastructureChecks(): readonly CloudCheck[]
  /** What phase 2 writes for workload identity, per Kubernetes service account. */
  workloadIdentity(outputs: JsonObject): WorkloadIdentity
  /** How a workload's pods reach what phase 1 made for them, from its outputs; nothing while it is not there. */
  serviceSettings(workload: WorkloadName, outputs: JsonObject): ServiceSettings
  /**
   * The guide's long-lived credentials by key of its Secret (`credentials`, `key.json`); asked for only with
   * `credentials: static-secret`. Undefined, or not there, when this identity has none.
   */
  staticCredentials?(signal: AbortSignal): Promise<Readonly<Record<string, string>> | undefined>
  /** The cloud's DNS, where a zone of it holds the platform's names. Asks nothing before it is used. */
  dns(): DnsService
  /** What can be had again after a loss, and where mlp's own copies lie. Asks nothing before it is used. */
  backups(): BackupService
  /** Where what is done in the cluster is written down. Asks nothing before it is used. */
  auditLog(): AuditLog
  /** Who vouches for the tokens of the cluster's service accounts, from phase 1's outputs. */
  tokenIssuer(outputs: JsonObject): string | undefined
  /** How data-sync in a peer's cluster signs in here, from the outputs of the root `peers`. */
  peerSettings(outputs: JsonObject, peer: CloudName): ServiceSettings
  /** By what data-sync in these clouds' clusters signs in here and is not there, in words. */
  missingPeerTrust(peers: readonly CloudName[], signal: AbortSignal): Promise<readonly string[]>
  /** A default StorageClass for this cloud's CSI driver, as a Kubernetes object. */
  storageClass(): JsonObject
  /** Everything ours, known to terraform or not, found by the platform id. Reads neither terraform's nor mlp's state. */
  inventory(signal: AbortSignal): AsyncIterable<CloudResource>
  /** Removes data-bearing resources' protection (deletion protection, non-empty buckets) before destroy; a last snapshot first unless told not to. */
  releaseData(
    options: { readonly finalSnapshot: boolean },
    signal: AbortSignal,
    report: (message: string) => void,
  ): Promise<void>
}

export interface Identity {
  /** ARN, e-mail or object id: who am I. */
  readonly principal: string
  /** Account id, project id, subscription id. */
  readonly account: string
  readonly validity: Validity
}

/** How long credentials hold: renewed by whoever uses them (or endless), until a time (ISO 8601), or nobody can tell. */
export type Validity =
  | { readonly kind: 'renewed' }
  | { readonly kind: 'ends'; readonly at: string }
  | { readonly kind: 'unknown' }

/** Something a phase makes that takes room under an account's limits; each adapter knows what that is in its cloud. */
export type QuotaNeed =
  | { readonly kind: 'network' }
  | ({ readonly kind: 'nodes'; readonly pool: 'general' | 'gpu' } & NodePoolSize)

interface NodePoolSize {
  readonly type: string
  readonly spot: boolean
  readonly min: number
  readonly max: number
}

/** One limit, and what this platform takes of it. */
export interface Quota {
  /** As the cloud's console names it. */
  readonly name: string
  /** What has to be free for the platform to come up. */
  readonly needed: number
  /** What it takes at its largest, every pool at its maximum. */
  readonly wanted: number
  /** What others take in the same account. */
  readonly used: number
  readonly limit: number
  /** Where to ask for more. */
  readonly remedy: string
}

/** `config` goes to `terraform init -backend-config`, never a credential. */
export interface TerraformBackend {
  readonly type: 's3' | 'gcs' | 'azurerm'
  readonly config: Readonly<Record<string, string | boolean>>
  /** Frees a lock that names no holder, where taking one and naming its holder are two requests. */
  readonly freeUnnamedLock?: (signal: AbortSignal) => Promise<void>
}

/** One `create` of terraform's JSON plan. `values` are the planned attributes, unknown ones missing. */
export interface PlannedResource {
  readonly address: string
  readonly type: string
  readonly values: JsonObject
}

/** `settling`: being made, changed or deleted, so nothing can be done to it yet. `failed`: the cloud gave up on making it. */
export type Condition = 'ready' | 'settling' | 'failed'

export interface ClusterAccess {
  readonly name: string
  readonly endpoint: string
  readonly certificateAuthorityPem: string
  readonly version: string
  /** As the cloud says it: ACTIVE, RUNNING, Succeeded. */
  readonly status: string
}

export interface ClusterToken {
  readonly token: string
  readonly expiresAt: string
}

interface TokenPlugin {
  /** Found on the PATH. */
  readonly command: string
  readonly args: readonly string[]
  readonly installHint: string
}

type ServiceName = 'api-gateway' | 'model-serving' | 'data-sync'
/** Whatever has a cloud identity in the cluster: services, MLflow, and the job that makes the database's users. */
export type WorkloadName = ServiceName | 'mlflow' | 'database-admin'

/** Addresses and names, never a secret: pods sign in by their cloud identity. */
export interface ServiceSettings {
  /** Variables of the service's container. */
  readonly environment: Readonly<Record<string, string>>
  /** Files beside its configuration, by name. */
  readonly files: Readonly<Record<string, string>>
}

export const noSettings: ServiceSettings = { environment: {}, files: {} }

/** Where whoever signs in to the database finds the authority of its certificate, where that is the database's own. */
export const databaseAuthority = {
  file: 'database-ca.pem',
  path: '/etc/database/database-ca.pem',
} as const

/** data-sync's service account, as its cluster's tokens name it. */
export const dataSyncSubject = `system:serviceaccount:${namespaceOf('data-sync')}:data-sync`

const peerFolder = '/var/run/secrets/peers'

/** Where data-sync's pods find what they need for the other clouds; see templates/kubernetes/applications/data-sync.yaml. */
export function peerFile(name: string): string {
  return `${peerFolder}/${name}`
}

/** Its cluster's token for a cloud. */
export function peerTokenFile(cloud: CloudName): string {
  return peerFile(`${cloud}-token`)
}

/** Where a service runs: the guide has the model servers in a namespace of their own. */
export function namespaceOf(service: string): 'ml-platform' | 'ml-serving' {
  return service === 'model-serving' ? 'ml-serving' : 'ml-platform'
}

export interface RegistryLogin {
  readonly host: string
  readonly username: string
  /** A token: never in arguments, logs or state. */
  readonly password: string
  /** ISO 8601 */
  readonly expiresAt: string
}

export interface CloudCheck {
  /** kebab-case noun: 'cluster', 'database'. */
  readonly name: string
  readonly title: string
  readonly why: string
  run(signal: AbortSignal): Promise<Finding>
}

export interface WorkloadIdentity {
  /** Service accounts of namespace ml-platform and ml-serving, with what binds each to its cloud identity. */
  readonly serviceAccounts: readonly {
    readonly namespace: string
    readonly name: string
    readonly annotations: Readonly<Record<string, string>>
    readonly labels: Readonly<Record<string, string>>
  }[]
  /** Non-secret facts for ConfigMaps: provider, region, account, bucket names. */
  readonly facts: Readonly<Record<string, string>>
}

export interface CloudResource {
  /** terraform-like type where there is one, else the cloud's own type name. */
  readonly type: string
  readonly id: string
  readonly name: string
  /** Holds data a person may miss: bucket, database, snapshot, key, registry. */
  readonly holdsData: boolean
  /** Set when a complete teardown leaves it on purpose: the state bucket, keys that a cloud never deletes. */
  readonly keptBecause?: string
}
