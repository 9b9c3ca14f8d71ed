import { createHash } from 'node:crypto'
import type { Config } from './schema.ts'

/** Tag, label and annotation that everything mlp makes carries. Google labels and Azure tags allow neither '.' nor '/'. */
export const platformIdKey = {
  aws: 'mlp.dev/platform-id',
  gcp: 'mlp-platform-id',
  azure: 'mlp-platform-id',
  kubernetes: 'mlp.dev/platform-id',
} as const

/** What decides a platform's names; a whole Config is one. */
export type Identity = Pick<Config, 'project' | 'environment'>
export type Located = Identity & Pick<Config, 'clouds'>

/**
 * Derived, so that losing mlp's state loses no identity: the same project and environment are the same platform
 * within one account.
 */
export function platformId(config: Identity): string {
  return `mlp-${shortHash(`${config.project}/${config.environment}`, 10)}`
}

/** Lower-case base 32, for suffixes of globally unique names. */
export function shortHash(text: string, length: number): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
  const digest = createHash('sha256').update(text).digest()
  return Array.from(digest.subarray(0, length), byte => alphabet[byte % 32]).join('')
}

/** Kubernetes context of a cloud's cluster: `aws-dev`. */
export function contextName(cloud: 'aws' | 'gcp' | 'azure', config: Pick<Config, 'environment'>): string {
  return `${cloud}-${config.environment}`
}

/**
 * Every name on AWS. Names that are unique within an account are `<project>-<environment>[-<kind>]`; S3 buckets,
 * whose names all accounts share, end in a suffix made from the platform id and the account.
 * test/unit/config/names.test.ts holds each name to its limit.
 */
export function awsNames(config: Located) {
  const account = required(config.clouds.aws, 'aws').accountId
  const base = `${config.project}-${config.environment}`
  const suffix = globalSuffix(config, account)
  const bucketBase = /^(xn--|sthree-|amzn-s3-demo-)/.test(base) ? platformId(config) : base
  // EC2 refuses group names that begin like its own ids.
  const groupBase = base.startsWith('sg-') ? platformId(config) : base
  // The guide's `ml-platform/<service>` in dev; one account may hold several environments, so others have a level more.
  const repositories =
    config.environment === 'dev' ? config.project : `${config.project}/${config.environment}`
  return {
    base,
    vpc: base,
    cluster: base,
    nodeGroups: { general: `${base}-general`, gpu: `${base}-gpu` },
    launchTemplates: { general: `${base}-general`, gpu: `${base}-gpu` },
    kmsAlias: `alias/${base}`,
    stateKmsAlias: `alias/${base}-tfstate`,
    roles: {
      cluster: `${base}-cluster`,
      nodes: `${base}-nodes`,
      ebsCsi: `${base}-ebs-csi`,
      vpcCni: `${base}-vpc-cni`,
      flowLogs: `${base}-flow-logs`,
      databaseMonitoring: `${base}-db-monitoring`,
      apiGateway: `${base}-api-gateway`,
      modelServing: `${base}-model-serving`,
      dataSync: `${base}-data-sync`,
      /** That of the other clouds' clusters. */
      dataSyncPeers: `${base}-data-sync-peers`,
      mlflow: `${base}-mlflow`,
      databaseAdmin: `${base}-database-admin`,
      pipelineDeploy: `${base}-pipeline-deploy`,
      pipelineRead: `${base}-pipeline-read`,
    },
    securityGroups: {
      cluster: `${groupBase}-cluster`,
      nodes: `${groupBase}-nodes`,
      database: `${groupBase}-database`,
      cache: `${groupBase}-cache`,
      endpoints: `${groupBase}-endpoints`,
    },
    logGroups: { cluster: `/aws/eks/${base}/cluster`, flowLogs: `/mlp/${base}/vpc-flow-logs` },
    buckets: {
      models: `${bucketBase}-models-${suffix}`,
      data: `${bucketBase}-data-${suffix}`,
      logs: `${bucketBase}-logs-${suffix}`,
    },
    stateBucket: `${bucketBase}-tfstate-${suffix}`,
    database: base,
    databaseSubnetGroup: base,
    databaseParameterGroup: base,
    databaseName,
    databaseUser,
    cache: base,
    cacheSubnetGroup: base,
    cacheParameterGroup: base,
    cacheUserGroup: base,
    // At most 40 characters: the service's name in short.
    cacheUsers: { 'api-gateway': `${base}-gateway`, 'model-serving': `${base}-serving` },
    repositories: {
      'api-gateway': `${repositories}/api-gateway`,
      'model-serving': `${repositories}/model-serving`,
      'data-sync': `${repositories}/data-sync`,
    },
  }
}
export type AwsNames = ReturnType<typeof awsNames>

/**
 * Every name on Google Cloud. Most are unique within the project; buckets are global. Service account ids have
 * only 30 characters, so a long project name is cut and gets a hash.
 */
export function gcpNames(config: Located) {
  const account = required(config.clouds.gcp, 'gcp').projectId
  const base = `${config.project}-${config.environment}`
  const suffix = globalSuffix(config, account)
  // Cloud Storage refuses Google's own name, and look-alikes of it, in bucket names.
  const bucketBase = /^goog|g[o0]{2}g[l1i]e/.test(base) ? platformId(config) : base
  const serviceAccount = (kind: string) => shorten(config, kind, 30)
  return {
    base,
    network: base,
    subnet: base,
    podsRange: 'pods',
    servicesRange: 'services',
    router: base,
    nat: base,
    /** Addresses that Google's own services (database, cache) take within our network. */
    privateServicesRange: `${base}-private-services`,
    firewalls: { internal: `${base}-internal`, healthChecks: `${base}-health-checks` },
    cluster: base,
    nodePools: { general: 'general', gpu: 'gpu' },
    serviceAccounts: {
      nodes: serviceAccount('nodes'),
      apiGateway: serviceAccount('gateway'),
      modelServing: serviceAccount('serving'),
      dataSync: serviceAccount('sync'),
      mlflow: serviceAccount('mlflow'),
      databaseAdmin: serviceAccount('dbadmin'),
      pipelineDeploy: serviceAccount('deploy'),
      pipelineRead: serviceAccount('verify'),
    },
    /** Of identities that GitHub vouches for; ids have 32 characters. */
    identityPool: shorten(config, 'github', 32),
    /** Of the other clouds' clusters. */
    peerPool: shorten(config, 'peers', 32),
    kmsKeyRing: base,
    kmsKeys: { cluster: 'cluster', storage: 'storage', database: 'database' },
    buckets: {
      models: `${bucketBase}-models-${suffix}`,
      data: `${bucketBase}-data-${suffix}`,
      logs: `${bucketBase}-logs-${suffix}`,
    },
    stateBucket: `${bucketBase}-tfstate-${suffix}`,
    database: base,
    databaseName,
    cache: base,
    registry: base,
  }
}
export type GcpNames = ReturnType<typeof gcpNames>

/**
 * Every name on Azure: `<project>-<kind>-<environment>` as the guide has it. What has a public host name (database,
 * cache, vault, storage, registry) is global and ends in a suffix; storage accounts and vaults have 24 characters.
 */
export function azureNames(config: Located) {
  const account = required(config.clouds.azure, 'azure').subscriptionId
  const { project, environment } = config
  const suffix = globalSuffix(config, account)
  // Azure refuses these words in names that become host names.
  const reserved = /microsoft|windows|^login|^xbox/.test(project.replaceAll('-', ''))
  const hostProject = reserved ? platformId(config) : project
  const compact = hostProject.replaceAll('-', '')
  const shortEnvironment = { dev: 'dev', staging: 'stg', prod: 'prd' }[environment]
  // Kinds are single words, so that no other project's name can run into them.
  const named = (kind: string) => `${project}-${kind}-${environment}`
  const host = (kind: string) => `${hostProject}-${kind}-${environment}-${suffix}`
  const tiny = (kind: string) =>
    `${compact.slice(0, 24 - kind.length - shortEnvironment.length - suffix.length)}${kind}${shortEnvironment}${suffix}`
  return {
    base: `${project}-${environment}`,
    resourceGroup: named('rg'),
    /** AKS makes and owns this one. */
    nodeResourceGroup: `${named('rg')}-nodes`,
    virtualNetwork: named('vnet'),
    subnets: {
      nodes: 'nodes',
      pods: 'pods',
      database: 'database',
      privateEndpoints: 'private-endpoints',
    },
    networkSecurityGroup: named('nsg'),
    natGateway: named('nat'),
    natPublicIp: `${named('nat')}-ip`,
    cluster: named('aks'),
    dnsPrefix: `${hostProject}-${environment}`,
    nodePools: { system: 'system', general: 'general', gpu: 'gpu' },
    identities: {
      cluster: `${named('id')}-cluster`,
      kubelet: `${named('id')}-kubelet`,
      apiGateway: `${named('id')}-api-gateway`,
      modelServing: `${named('id')}-model-serving`,
      dataSync: `${named('id')}-data-sync`,
      mlflow: `${named('id')}-mlflow`,
      /** The database's Entra administrator: nobody signs in with a password. */
      databaseAdmin: `${named('id')}-database-admin`,
      pipelineDeploy: `${named('id')}-pipeline-deploy`,
      pipelineRead: `${named('id')}-pipeline-read`,
    },
    registry: `${compact}acr${environment}${suffix}`,
    storageAccount: tiny(''),
    containers: { models: 'models', data: 'data', logs: 'logs' },
    keyVault: tiny('kv'),
    keys: { storage: 'storage', cluster: 'cluster' },
    database: host('pg'),
    sqlServer: host('sql'),
    databaseName,
    databaseUser,
    /** Must end so for a server inside a virtual network, and must not be the server's own name. */
    databaseDnsZone: `${hostProject}-${environment}.private.postgres.database.azure.com`,
    cache: host('redis'),
    logAnalytics: named('logs'),
    stateResourceGroup: `${named('rg')}-tfstate`,
    stateStorageAccount: tiny('tf'),
    stateContainer: 'tfstate',
  }
}
export type AzureNames = ReturnType<typeof azureNames>

// The same in every platform: a name made from the project could be one of the engines' reserved words.
const databaseName = 'mlplatform'
const databaseUser = 'mlpadmin'

function globalSuffix(config: Identity, account: string): string {
  return shortHash(`${platformId(config)}/${account}`, 6)
}

/** `<project>-<environment>-<kind>` in at most `limit` characters; what does not fit is cut and told apart by a hash. */
function shorten(config: Identity, kind: string, limit: number): string {
  const base = `${config.project}-${config.environment}`
  const whole = `${base}-${kind}`
  if (whole.length <= limit) return whole
  const hash = shortHash(base, 5)
  const room = limit - kind.length - hash.length - 2
  return `${base.slice(0, room).replace(/-+$/, '')}-${hash}-${kind}`
}

function required<T>(cloud: T | undefined, name: string): T {
  if (cloud === undefined)
    throw new Error(`names for ${name} were asked for, but the configuration has no clouds.${name}`)
  return cloud
}
