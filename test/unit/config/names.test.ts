import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  awsNames,
  azureNames,
  contextName,
  gcpNames,
  platformId,
  shortHash,
} from '../../../src/config/names.ts'
import type { Config } from '../../../src/config/schema.ts'
import { projectPattern } from '../../../src/config/schema.ts'

type Located = Pick<Config, 'project' | 'environment' | 'clouds'>

const network = { cidr: '10.0.0.0/16', pods: '10.16.0.0/14', services: '172.20.0.0/20' }
const nodes = { min: 1, max: 2, type: 't', spot: false }
const common = { nodes, network, kubernetesVersion: '1.35' }

function located(project: string, environment: Config['environment'], seed = 0): Located {
  return {
    project,
    environment,
    clouds: {
      aws: { accountId: String(100000000000 + seed), region: 'us-east-1', ...common },
      gcp: { projectId: `acme-${seed}`, region: 'us-central1', ...common },
      azure: {
        subscriptionId: `00000000-0000-4000-8000-${String(seed).padStart(12, '0')}`,
        location: 'eastus',
        ...common,
      },
    },
  }
}

const environments = ['dev', 'staging', 'prod'] as const
const awkward = [
  'aws',
  'sg-team',
  'sthree-lab',
  'amzn-s3-demo-x',
  'google-like',
  'goog',
  'my-g00gle',
  'microsoft-ml',
]
const projects = fc.oneof(
  fc.constantFrom(
    ...awkward,
    'login-x',
    'xbox',
    'windows',
    'ml-platform',
    'a23456789012345678901234',
    'a-b-c-d-e-f-g-h-i-j-k-l',
  ),
  fc
    .array(fc.stringMatching(/^[a-z][a-z0-9]{0,7}$/), { minLength: 1, maxLength: 8 })
    .map(words => words.join('-').slice(0, 24).replace(/-+$/, ''))
    .filter(name => name.length >= 3 && projectPattern.test(name)),
)
const platforms = fc
  .tuple(projects, fc.constantFrom(...environments), fc.nat(999_999))
  .map(([project, environment, seed]) => located(project, environment, seed))

test('a name that just fits is not cut; one character more, and it is, with a hash', () => {
  const nodes = (project: string) => gcpNames(located(project, 'dev', 0)).serviceAccounts.nodes
  const longest = 'p'.repeat(30 - '-dev-nodes'.length)
  expect(nodes(longest)).toBe(`${longest}-dev-nodes`)
  expect(nodes(`${longest}p`)).toMatch(/^p+-[a-z2-7]{5}-nodes$/)
  expect(nodes(`${longest}p`)).toHaveLength(30)
})

/** Every rule as its cloud documents it: the pattern, then the most characters, then what it may not hold. */
interface Rule {
  readonly pattern: RegExp
  readonly max: number
  readonly never?: RegExp
}

const s3: Rule = {
  pattern: /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/,
  max: 63,
  never: /^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|--x-s3|--table-s3)$/,
}
const iamRole: Rule = { pattern: /^[\w+=,.@-]{1,64}$/, max: 64 }
const rds: Rule = { pattern: /^[a-z][a-z0-9-]*[a-z0-9]$/, max: 63, never: /--/ }
const securityGroup: Rule = { pattern: /^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]+$/, max: 255, never: /^sg-/ }
const ecr: Rule = {
  pattern: /^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/,
  max: 256,
}
const elastiCacheUser: Rule = { pattern: /^[a-zA-Z][a-zA-Z0-9-]*$/, max: 40 }
const kmsAlias: Rule = { pattern: /^alias\/[a-zA-Z0-9/_-]+$/, max: 256, never: /^alias\/aws\// }
const logGroup: Rule = { pattern: /^[.\-_/#A-Za-z0-9]+$/, max: 512 }

const awsRules: Record<string, Rule> = {
  base: { pattern: /^[a-z][a-z0-9-]+$/, max: 32 },
  vpc: { pattern: /^.+$/, max: 256 },
  cluster: { pattern: /^[0-9A-Za-z][A-Za-z0-9_-]*$/, max: 100 },
  nodeGroups: { pattern: /^[0-9A-Za-z][A-Za-z0-9_-]*$/, max: 63 },
  launchTemplates: { pattern: /^[a-zA-Z0-9().\-/_]{3,}$/, max: 128 },
  kmsAlias,
  stateKmsAlias: kmsAlias,
  roles: iamRole,
  securityGroups: securityGroup,
  logGroups: logGroup,
  buckets: s3,
  stateBucket: s3,
  database: rds,
  databaseSubnetGroup: { pattern: /^[a-z0-9 ._-]+$/, max: 255, never: /^default$/ },
  databaseParameterGroup: rds,
  databaseName: { pattern: /^[a-zA-Z][a-zA-Z0-9]*$/, max: 63 },
  databaseUser: { pattern: /^[a-z][a-z0-9]*$/, max: 63, never: /^(admin|postgres|rdsadmin|root|user)$/ },
  cache: { pattern: /^[a-z][a-z0-9-]*[a-z0-9]$/, max: 40, never: /--/ },
  cacheSubnetGroup: { pattern: /^[a-z0-9-]+$/, max: 255 },
  cacheParameterGroup: { pattern: /^[a-z][a-z0-9-]*[a-z0-9]$/, max: 255, never: /--/ },
  cacheUserGroup: elastiCacheUser,
  cacheUsers: elastiCacheUser,
  repositories: ecr,
}

const gce: Rule = { pattern: /^[a-z](?:[-a-z0-9]*[a-z0-9])?$/, max: 63 }
const gcs: Rule = {
  pattern: /^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$/,
  max: 63,
  never: /^goog|google|g00gle|go0gle|g0ogle|googie|goog1e/,
}
const kms: Rule = { pattern: /^[a-zA-Z0-9_-]+$/, max: 63 }
const gcpRules: Record<string, Rule> = {
  base: gce,
  network: gce,
  subnet: gce,
  podsRange: gce,
  servicesRange: gce,
  router: gce,
  nat: gce,
  privateServicesRange: gce,
  firewalls: gce,
  cluster: { ...gce, max: 40 },
  nodePools: { ...gce, max: 40 },
  serviceAccounts: { pattern: /^[a-z](?:[-a-z0-9]{4,28}[a-z0-9])$/, max: 30 },
  // https://cloud.google.com/iam/docs/manage-workload-identity-pools-providers
  identityPool: { pattern: /^(?!gcp-)[a-z0-9-]{4,32}$/, max: 32 },
  peerPool: { pattern: /^(?!gcp-)[a-z0-9-]{4,32}$/, max: 32 },
  kmsKeyRing: kms,
  kmsKeys: kms,
  buckets: gcs,
  stateBucket: gcs,
  // <project>:<instance> may have 98 characters, and a project id 30.
  database: { ...gce, max: 98 - 30 - 1 },
  databaseName: { pattern: /^[a-z][a-z0-9]*$/, max: 63 },
  cache: { ...gce, max: 40 },
  registry: gce,
}

const trademark = /microsoft|windows|^login|^xbox/
const resourceGroup: Rule = { pattern: /^[\w.()-]*[\w()-]$/, max: 90 }
const network64: Rule = { pattern: /^[a-zA-Z0-9][\w.-]*[\w]$/, max: 64 }
const storageAccount: Rule = { pattern: /^[a-z0-9]{3,24}$/, max: 24, never: trademark }
const azureRules: Record<string, Rule> = {
  base: { pattern: /^[a-z][a-z0-9-]+$/, max: 32 },
  resourceGroup,
  nodeResourceGroup: { ...resourceGroup, max: 80 },
  virtualNetwork: network64,
  subnets: { ...network64, max: 80 },
  networkSecurityGroup: { ...network64, max: 80 },
  natGateway: { ...network64, max: 80 },
  natPublicIp: { ...network64, max: 80 },
  cluster: { pattern: /^[a-zA-Z0-9](?:[\w-]*[a-zA-Z0-9])?$/, max: 63 },
  dnsPrefix: { pattern: /^[a-zA-Z](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/, max: 54, never: trademark },
  nodePools: { pattern: /^[a-z][a-z0-9]*$/, max: 12 },
  identities: { pattern: /^[a-zA-Z0-9][\w-]{2,}$/, max: 128 },
  registry: { pattern: /^[a-zA-Z0-9]{5,50}$/, max: 50, never: trademark },
  storageAccount,
  containers: { pattern: /^[a-z0-9](?:[a-z0-9-]*[a-z0-9]){2,}$/, max: 63, never: /--/ },
  keyVault: { pattern: /^[a-zA-Z][a-zA-Z0-9-]+[a-zA-Z0-9]$/, max: 24, never: trademark },
  keys: { pattern: /^[a-zA-Z0-9-]+$/, max: 127 },
  database: { pattern: /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, max: 63, never: trademark },
  sqlServer: { pattern: /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, max: 63, never: trademark },
  databaseName: { pattern: /^[a-z][a-z0-9]*$/, max: 63 },
  databaseUser: {
    pattern: /^[a-z][a-z0-9]*$/,
    max: 63,
    never: /^(azure|admin|administrator|root|guest|public|sa|pg_)/,
  },
  databaseDnsZone: {
    pattern: /^[a-z0-9-]+\.private\.postgres\.database\.azure\.com$/,
    max: 253,
    never: trademark,
  },
  cache: { pattern: /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/, max: 60, never: trademark },
  logAnalytics: { pattern: /^[a-zA-Z0-9][a-zA-Z0-9-]{2,}[a-zA-Z0-9]$/, max: 63 },
  stateResourceGroup: resourceGroup,
  stateStorageAccount: storageAccount,
  stateContainer: { pattern: /^[a-z0-9-]{3,}$/, max: 63, never: /--/ },
}

const clouds = [
  { cloud: 'aws', names: awsNames, rules: awsRules, global: ['buckets', 'stateBucket'] },
  { cloud: 'gcp', names: gcpNames, rules: gcpRules, global: ['buckets', 'stateBucket'] },
  {
    cloud: 'azure',
    names: azureNames,
    rules: azureRules,
    global: [
      'registry',
      'storageAccount',
      'stateStorageAccount',
      'keyVault',
      'database',
      'sqlServer',
      'cache',
    ],
  },
] as const

/** Parts of something that is itself named after the platform, and names that hold for every platform. */
const local = new Set([
  'podsRange',
  'servicesRange',
  'nodePools',
  'kmsKeys',
  'keys',
  'subnets',
  'containers',
  'stateContainer',
  'databaseName',
  'databaseUser',
])

function flat(names: Record<string, string | Record<string, string>>): [key: string, name: string][] {
  return Object.entries(names).flatMap(([key, value]) =>
    typeof value === 'string'
      ? [[key, value]]
      : Object.values(value).map((name): [string, string] => [key, name]),
  )
}

describe.each(clouds)('$cloud', ({ names, rules, global }) => {
  test('every name keeps to the limits of the cloud, for every project and environment', () => {
    fc.assert(
      fc.property(platforms, platform => {
        for (const [key, name] of flat(names(platform))) {
          const rule = rules[key]
          if (rule === undefined) throw new Error(`no rule for ${key}`)
          expect(name, key).toMatch(rule.pattern)
          expect(name.length, `${key}: ${name}`).toBeLessThanOrEqual(rule.max)
          if (rule.never !== undefined) expect(name, key).not.toMatch(rule.never)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('the rules name nothing that is gone', () => {
    expect(Object.keys(rules).sort()).toEqual(Object.keys(names(located('ml-platform', 'dev'))).sort())
  })

  test('two platforms of one account share no name', () => {
    fc.assert(
      fc.property(platforms, platforms, (one, other) => {
        fc.pre(one.project !== other.project || one.environment !== other.environment)
        const mine = new Map(
          flat(names(one))
            .filter(([key]) => !local.has(key))
            .map(([key, name]) => [name, key]),
        )
        for (const [key, name] of flat(names({ ...other, clouds: one.clouds }))) {
          if (!local.has(key)) expect(mine.has(name), `${key} ${name}`).toBe(false)
        }
      }),
    )
  })

  test('global names differ between accounts, and only they do', () => {
    fc.assert(
      fc.property(platforms, fc.integer({ min: 1_000_000, max: 2_000_000 }), (one, seed) => {
        const mine = new Map(flat(names(one)).map(([key, name]) => [name, key]))
        const theirs = flat(names(located(one.project, one.environment, seed)))
        for (const [key, name] of theirs) {
          expect(mine.has(name), `${key} ${name}`).toBe(!(global as readonly string[]).includes(key))
        }
      }),
    )
  })

  test('names are the same every time', () => {
    fc.assert(
      fc.property(platforms, platform => {
        expect(names(platform)).toEqual(names(structuredClone(platform)))
      }),
    )
  })

  test('asking for a cloud that is not configured is a bug, said plainly', () => {
    expect(() => names({ ...located('ml-platform', 'dev'), clouds: {} })).toThrow(/no clouds\./)
  })
})

describe('the guide’s own names, for its own project', () => {
  test.each([
    ['dev', 'ml-platform/api-gateway'],
    ['staging', 'ml-platform/staging/api-gateway'],
    ['prod', 'ml-platform/prod/api-gateway'],
  ] as const)('%s', (environment, repository) => {
    const config = located('ml-platform', environment)
    const aws = awsNames(config)
    const gcp = gcpNames(config)
    const azure = azureNames(config)
    expect(aws.cluster).toBe(`ml-platform-${environment}`)
    expect(aws.repositories['api-gateway']).toBe(repository)
    expect(gcp.cluster).toBe(`ml-platform-${environment}`)
    expect(gcp.registry).toBe(`ml-platform-${environment}`)
    expect(azure.cluster).toBe(`ml-platform-aks-${environment}`)
    expect(azure.resourceGroup).toBe(`ml-platform-rg-${environment}`)
    expect(azure.registry).toMatch(new RegExp(`^mlplatformacr${environment}[a-z2-7]{6}$`))
    for (const bucket of Object.values({ ...aws.buckets, ...gcp.buckets }))
      expect(bucket).toContain('ml-platform')
    expect(azure.storageAccount).toContain('mlplatform')
    expect(azure.stateStorageAccount).toContain('mlplatform')
    expect(contextName('aws', config)).toBe(`aws-${environment}`)
  })
})

test('a platform id depends on project and environment alone', () => {
  fc.assert(
    fc.property(platforms, platforms, (one, other) => {
      const same = one.project === other.project && one.environment === other.environment
      expect(platformId(one) === platformId(other)).toBe(same)
    }),
  )
})

test('a hash has the length asked for and its own alphabet', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 32 }), (text, length) => {
      expect(shortHash(text, length)).toMatch(new RegExp(`^[a-z2-7]{${length}}$`))
    }),
  )
})
