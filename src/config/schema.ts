import * as z from 'zod'
import { parseCidr } from './cidr.ts'

/** Words of lower-case letters and digits, joined by single hyphens: what every cloud allows in most names. */
export const projectPattern = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/
export const apiVersion = 'mlp.dev/v1'

/*
 * The `error` of every leaf says what is allowed there, in words that follow "allowed:" in a message; the
 * description is what an editor shows. Rules that look at more than one value are in rules.ts.
 */
const count = (least: number, most: number, description: string) =>
  z
    .int({ error: `a whole number from ${least} to ${most}` })
    .min(least, { error: `a whole number from ${least} to ${most}` })
    .max(most, { error: `a whole number from ${least} to ${most}` })
    .describe(description)
const text = (pattern: RegExp, allowed: string, description: string) =>
  z.string({ error: allowed }).regex(pattern, { error: allowed }).describe(description)
const choice = <const T extends readonly [string, ...string[]]>(values: T, description: string) =>
  z.enum(values, { error: values.join(' or ') }).describe(description)
const flag = (description: string) => z.boolean({ error: 'true or false' }).describe(description)

const machine = text(/^\S+$/, "the cloud's name of a machine type", 'Machine type, as the cloud names it.')
const spot = flag('Interruptible machines: cheaper, and taken away at short notice.')
const nodes = z.strictObject({
  min: count(1, 1000, 'Fewest nodes of the cluster, over all zones.'),
  max: count(1, 1000, 'Most nodes of the cluster, over all zones.'),
  type: machine,
  spot,
})
const gpuNodes = z.strictObject({
  min: count(0, 1000, 'Fewest GPU nodes of the cluster, over all zones.'),
  max: count(1, 1000, 'Most GPU nodes of the cluster, over all zones.'),
  type: machine,
  spot,
})

const cidrAllowed = 'an IPv4 range such as 10.0.0.0/16, with no bits set behind the prefix'
const cidr = (description: string) =>
  z
    .string({ error: cidrAllowed })
    .refine(value => parseCidr(value) !== undefined, { error: cidrAllowed })
    .describe(description)
const network = z.strictObject({
  cidr: cidr('Addresses of the network: nodes, database, cache.'),
  pods: cidr('Addresses of pods.'),
  services: cidr('Addresses of Kubernetes services.'),
})

const common = {
  nodes,
  gpuNodes: gpuNodes.optional(),
  /** Within one minor version of the pinned kubectl, and supported by all three clouds and by Istio. */
  kubernetesVersion: text(
    /^1\.3[456]$/,
    "'1.34', '1.35' or '1.36', in quotes",
    'Minor version of Kubernetes, in quotes.',
  ),
  network,
}
const awsSchema = z.strictObject({
  accountId: text(/^\d{12}$/, 'the 12 digits of the account, in quotes', 'AWS account id, in quotes.'),
  region: text(/^[a-z]{2}(-[a-z]+)+-\d$/, 'an AWS region such as us-east-1', 'AWS region.'),
  ...common,
})
const gcpSchema = z.strictObject({
  projectId: text(
    /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/,
    '6 to 30 lower-case letters, digits and hyphens, as `gcloud projects list` shows it',
    'Google Cloud project id (not its number).',
  ),
  region: text(/^[a-z]+-[a-z]+\d+$/, 'a Google Cloud region such as us-central1', 'Google Cloud region.'),
  ...common,
})
const guid = (what: string) =>
  z.guid({ error: `a UUID, as \`az account show\` shows it` }).describe(`Azure ${what}.`)
const azureSchema = z.strictObject({
  subscriptionId: guid('subscription id'),
  tenantId: guid('tenant id; found out from the subscription when it is missing').optional(),
  location: text(
    /^[a-z][a-z0-9]+$/,
    'an Azure location such as eastus',
    'Azure location, in its short form.',
  ),
  ...common,
})

const database = z.strictObject({
  engine: choice(
    ['postgresql', 'azure-sql'],
    'PostgreSQL everywhere, or Azure SQL Database on Azure (the other clouds keep PostgreSQL).',
  ),
})
const budget = z.strictObject({
  amount: z
    .number({ error: 'a number above 0' })
    .positive({ error: 'a number above 0' })
    .describe('What the platform may cost in a month, all clouds together.'),
  currency: text(/^[A-Z]{3}$/, 'a currency such as USD or EUR', 'ISO 4217 code.'),
  notify: z
    .array(text(/^\S+@\S+\.\S+$/, 'an e-mail address', 'An e-mail address.'), {
      error: 'a list of e-mail addresses',
    })
    .min(1, { error: 'at least one e-mail address' })
    .max(10, { error: 'at most ten e-mail addresses' })
    .optional()
    .describe(
      'Whom the clouds tell at 50, 80 and 100 %, and when a month is forecast to exceed it; `owner` where that is an e-mail address and this is left out.',
    ),
})

const pemFile = (description: string) => text(/^\S(.*\S)?$/, 'the path of a PEM file', description)
const mesh = z.strictObject({
  imageRegistry: text(
    /^[a-z0-9][a-z0-9.:/-]*$/,
    'a registry such as registry.example.com/istio',
    'Registry of Istio’s images instead of docker.io/istio.',
  ).optional(),
  tls: z
    .strictObject({
      certificate: pemFile('The gateway’s certificate with its chain, from this file’s folder.'),
      key: pemFile('Its private key: keep it out of the repository.'),
    })
    .optional()
    .describe('What the gateway shows clients; without it mlp signs a certificate by itself and renews it.'),
})
/** Secrets come by the operator's environment, once, and are kept in the clusters. */
const secret = text(
  /^[A-Z][A-Z0-9_]*$/,
  'the name of an environment variable such as SLACK_WEBHOOK_URL',
  'Environment variable that holds the secret when mlp runs; kept in the clusters, nowhere else.',
)
const address = text(/^[^@\s]+@[^@\s]+$/, 'an e-mail address', 'E-mail address.')
const receivers = z
  .strictObject({
    slack: z.strictObject({
      secret,
      channel: text(/^[#@]?\S+$/, "a channel such as '#ml-platform', in quotes", 'Channel, in quotes.'),
    }),
    pagerduty: z.strictObject({ secret }),
    email: z.strictObject({
      to: address,
      from: address,
      smarthost: text(/^[^:\s]+:\d+$/, 'host:port', 'SMTP server, with its port.'),
      username: text(/^\S+$/, 'a user name', 'User of the SMTP server.').optional(),
      secret: secret.optional(),
    }),
    webhook: z.strictObject({ secret }),
    watchdog: z.strictObject({ secret }),
  })
  .partial()
  .describe(
    'Who hears of alerts: PagerDuty of critical ones only, a watchdog service of the dead man’s switch.',
  )
const fleet = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/, error: 'the URL of a remote-write endpoint' })
      .describe(
        'Where metrics are sent to: the remote-write endpoint of a Prometheus, Mimir, Thanos or a hosted service.',
      ),
    username: text(
      /^\S+$/,
      'a user name',
      'User there; without one the secret is sent as a bearer token.',
    ).optional(),
    secret: secret.optional(),
  })
  .refine(({ username, secret: given }) => username === undefined || given !== undefined, {
    error: 'a username needs the secret that goes with it',
    path: ['secret'],
  })
  .describe('One place to which each cluster sends its metrics, for a view over all clusters.')
const monitoring = z
  .strictObject({
    chart: text(
      /^(https?:\/\/\S+|\S*\/\S*)$/,
      'the URL of a mirror of the chart repository, or the path of a chart',
      'Where kube-prometheus-stack comes from instead of its official repository.',
    ),
    imageRegistry: text(
      /^[a-z0-9][a-z0-9.:/-]*$/,
      'a registry such as registry.example.com/mirror',
      'Registry of the monitoring images instead of their official ones.',
    ),
    retention: text(/^\d+[hdwy]$/, 'a time such as 15d', 'How long metrics are kept in each cluster.'),
    storage: text(/^\d+Gi$/, 'a size such as 50Gi', 'Volume for the metrics of each cluster.'),
    logs: choice(
      ['victoria-logs', 'none'],
      'Where the lines of all containers are kept: a store in each cluster, or nowhere but on the nodes.',
    ),
    traces: choice(
      ['jaeger', 'none'],
      'Where the traces of the services are kept: a store in each cluster, or nowhere.',
    ),
    runbooks: z.url({ error: 'a URL' }).describe('Where docs/runbooks can be read; alerts link there.'),
    receivers,
    fleet,
  })
  .partial()

const groups = (aws: string, gcp: string, azure: string) =>
  z
    .strictObject({
      aws: z
        .array(text(/^arn:[a-z-]+:iam::\d{12}:(role|user)\/\S+$/, 'the ARN of an IAM role or user', aws))
        .describe(aws),
      gcp: z.array(text(/^[^@\s]+@[^@\s]+$/, 'the address of a Google group', gcp)).describe(gcp),
      azure: z.array(z.guid({ error: 'the object id of an Entra group' }).describe(azure)).describe(azure),
    })
    .partial()
const peopleOf = (what: string) =>
  groups('IAM roles or users.', 'Google groups, by address.', 'Entra groups, by object id.').describe(what)
const access = z
  .strictObject({
    viewers: peopleOf('Who may look at everything but Secrets.'),
    operators: peopleOf('Who may restart, scale and drain, too.'),
    admins: peopleOf('Who may change what runs, and read Secrets, in the platform’s namespaces.'),
  })
  .partial()
  .describe('Which people may do what in the clusters.')
const validation = z
  .strictObject({
    load: choice(
      ['smoke', 'load', 'stress', 'soak', 'spike'],
      'Which load phase 7 sends to the platform’s own gateways; smoke (15 s) unless more is asked for.',
    ),
  })
  .partial()
const repositoryName = (description: string) =>
  text(
    /^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/[A-Za-z0-9._-]{1,100}$/,
    'owner/name, as GitHub shows it',
    description,
  )
const delivery = z
  .strictObject({
    repository: repositoryName('The repository on GitHub whose workflows deploy; made when it is not there.'),
    branch: text(
      /^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/,
      'the name of a branch such as main',
      'Whose commits are deployed; main when it is not said.',
    ),
    credentials: choice(
      ['workload-identity', 'keys'],
      'How the pipeline signs in to the clouds: without keys (OIDC), or by the guide’s four secrets (not advised).',
    ),
    approvals: z
      .array(text(/^[A-Za-z0-9][A-Za-z0-9-]{0,38}$/, 'login names on GitHub', 'A login name on GitHub.'))
      .max(6, { error: 'at most six login names' })
      .describe('Who has to approve a deployment; GitHub asks one of them.'),
    mlp: repositoryName(
      'Where the pipeline gets mlp from when its runner does not have it: a repository with releases tagged v<version>.',
    ),
  })
  .partial()

export const environmentNames = ['dev', 'staging', 'prod'] as const
const project = z
  .string({ error: 'a name' })
  .regex(projectPattern, {
    error: 'words of lower-case letters and digits joined by single hyphens, beginning with a letter',
  })
  .min(3, { error: '3 to 24 characters' })
  .max(24, { error: '3 to 24 characters' })
  .describe('Part of the name of everything that mlp makes.')
const environment = choice(environmentNames, 'Decides sizes, redundancy, backups and protection.')
const domain = text(
  /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/,
  'a domain name such as ml.example.com',
  'Domain under which the platform is reached.',
)

/** Whose zone, and which: a name has dots, an id has none (Azure's begins with a slash). */
const zone = text(
  /^(([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}|[A-Za-z0-9-]{1,63}|\/subscriptions\/\S+)$/,
  "a zone's name such as example.com, or its id at the cloud",
  'A zone that is there already, by its name (example.com) or its id at the cloud.',
)
const dns = z.strictObject({
  cloud: choice(
    ['aws', 'gcp', 'azure'],
    'Whose DNS: Route 53, Cloud DNS or Azure DNS. A cloud of this platform.',
  ),
  zone,
})

const settings = {
  target: choice(
    ['sandbox', 'cloud'],
    'sandbox: this machine, free of charge. cloud: your accounts, which costs money.',
  ),
  owner: text(
    /^.{1,63}$/,
    'a team, a person or an e-mail address',
    'Who answers for the platform; becomes a tag.',
  ),
  domain: domain.optional(),
  dns: dns.optional(),
  budget: budget.optional(),
  credentials: choice(
    ['workload-identity', 'static-secret'],
    'How pods reach cloud services: without keys, or by a long-lived Secret (not advised).',
  ),
  monitoring: monitoring.optional(),
  access: access.optional(),
  validation: validation.optional(),
  delivery: delivery.optional(),
}

/** The validated mlp.yaml of one environment with defaults filled in; plain data. */
export const configSchema = z.strictObject({
  apiVersion: z.literal(apiVersion, { error: apiVersion }),
  project,
  environment,
  ...settings,
  clouds: z.strictObject({
    aws: awsSchema.optional(),
    gcp: gcpSchema.optional(),
    azure: azureSchema.optional(),
  }),
  database,
  mesh: mesh.optional(),
})
export type Config = z.infer<typeof configSchema>
export type AwsConfig = z.infer<typeof awsSchema>
export type GcpConfig = z.infer<typeof gcpSchema>
export type AzureConfig = z.infer<typeof azureSchema>
export type EnvironmentName = Config['environment']

/** Everything may be left out of a file where there is a default; `aws:` with nothing behind it takes them all. */
const partialCommon = {
  nodes: nodes.partial().optional(),
  gpuNodes: gpuNodes.partial().optional(),
  kubernetesVersion: common.kubernetesVersion.optional(),
  network: network.partial().optional(),
}
const partialSettings = {
  target: settings.target.optional(),
  owner: settings.owner.optional(),
  domain: settings.domain,
  dns: dns
    .extend({ cloud: dns.shape.cloud.optional() })
    .optional()
    .describe('The DNS zone in which mlp makes the records of `domain`; without it mlp prints them.'),
  budget: budget.partial().optional(),
  credentials: settings.credentials.optional(),
  monitoring: settings.monitoring,
  access: settings.access,
  validation: settings.validation,
  delivery: settings.delivery,
  clouds: z
    .strictObject({
      aws: awsSchema.partial().extend(partialCommon).nullable(),
      gcp: gcpSchema.partial().extend(partialCommon).nullable(),
      azure: azureSchema.partial().extend(partialCommon).nullable(),
    })
    .partial()
    .optional()
    .describe('Any of aws, gcp and azure; at least one.'),
  database: z
    .union([database.shape.engine, database.partial()])
    .optional()
    .describe('postgresql, or azure-sql for Azure SQL Database on Azure.'),
  mesh: mesh.optional().describe('The service mesh.'),
}

/** What stands under `environments.<name>`: the same settings, over those of the file's base. */
const overlaySchema = z.strictObject(partialSettings).partial().nullable()

/** mlp.yaml as it is written: a base, and overlays of which one is chosen. */
export const fileSchema = z
  .strictObject({
    apiVersion: z.literal(apiVersion, { error: apiVersion }).describe('Version of this file’s format.'),
    project,
    environment: environment
      .optional()
      .describe('Environment when --env does not name one; dev when both are missing.'),
    ...partialSettings,
    environments: z
      .strictObject({ dev: overlaySchema, staging: overlaySchema, prod: overlaySchema })
      .partial()
      .optional()
      .describe('What differs between environments, chosen by --env.'),
  })
  .describe('The platform that mlp builds, keeps and takes down.')
