import { randomBytes } from 'node:crypto'
import { type Behaviour, CloudError } from '../src/behaviour.ts'
import type { SimulatedCloud } from '../src/simulated-cloud.ts'

/**
 * A cloud of a few types of the official aws schema, chosen for their shapes: flat with defaults, attribute sets of
 * objects, nested list blocks with computed parts, set blocks, write-only attributes.
 */
const seconds = { create: 0, update: 0, delete: 0 }
const source = 'test only'
const refuses = { create: [], delete: [] }
const newId = (prefix: string) => `${prefix}-${randomBytes(4).toString('hex')}`

const vpc: Behaviour = {
  type: 'aws_vpc',
  source,
  refuses,
  seconds: { create: 10, update: 10, delete: 10 },
  recomputedOn: { tags_all: ['tags'] },
  validate: configured =>
    configured['cidr_block'] === '0.0.0.0/0' ? [{ path: 'cidr_block', message: 'must be /16 to /28' }] : [],
  async create(planned) {
    const id = newId('vpc')
    return {
      ...planned,
      id,
      arn: `arn:aws:ec2:us-east-1:123456789012:vpc/${id}`,
      tags_all: planned['tags'] ?? {},
    }
  },
  async update(_prior, planned) {
    return { ...planned, tags_all: planned['tags'] ?? {} }
  },
  async remove(prior, { world }) {
    const inside = world.store
      .list('aws_security_group')
      .some(group => group.attributes['vpc_id'] === prior['id'])
    if (inside) throw new CloudError('DependencyViolation', `The vpc '${prior['id']}' has dependencies`)
  },
}

const securityGroup: Behaviour = {
  type: 'aws_security_group',
  source,
  refuses,
  seconds,
  async create(planned, { world }) {
    const taken = world.store
      .list('aws_security_group')
      .some(group => group.attributes['name'] === planned['name'])
    if (taken) throw new CloudError('InvalidGroup.Duplicate', `The group '${planned['name']}' already exists`)
    return { ...planned, id: newId('sg'), arn: 'arn:aws:ec2:::sg', owner_id: '123456789012' }
  },
  importId: (importId, { world }) =>
    world.store.list('aws_security_group').find(group => group.attributes['name'] === importId)?.id,
}

const cluster: Behaviour = {
  type: 'aws_eks_cluster',
  source,
  refuses,
  seconds,
  async create(planned) {
    return {
      ...planned,
      id: planned['name'],
      status: 'ACTIVE',
      version: planned['version'] ?? '1.35',
      // The cloud fills these in where nothing is asked for, as EKS does.
      access_config: [{ authentication_mode: 'API', bootstrap_cluster_creator_admin_permissions: true }],
      kubernetes_network_config: [
        {
          ...(Array.isArray(planned['kubernetes_network_config'])
            ? { service_ipv4_cidr: '172.20.0.0/16', ...planned['kubernetes_network_config'][0] }
            : {}),
          ip_family: 'ipv4',
        },
      ],
    }
  },
}

const database: Behaviour = {
  type: 'aws_db_instance',
  source,
  refuses,
  seconds,
  async create(planned) {
    if (planned['password_wo'] !== 'correct horse')
      throw new CloudError('InvalidParameterValue', 'the write-only password did not arrive')
    return { ...planned, id: newId('db'), address: 'db.example.internal', port: 5432 }
  },
  async remove(prior) {
    if (prior['deletion_protection'] === true)
      throw new CloudError('InvalidParameterCombination', 'Cannot delete protected DB Instance')
  },
}

/** Counts its versions, so that something is recomputed when something else changes. */
const launchTemplate: Behaviour = {
  type: 'aws_launch_template',
  source,
  refuses,
  seconds,
  async create(planned) {
    return { ...planned, id: newId('lt'), latest_version: 1, default_version: 1 }
  },
  async update(prior, planned) {
    return { ...planned, latest_version: Number(prior['latest_version']) + 1 }
  },
  recomputedOn: { latest_version: ['tag_specifications', 'image_id'] },
}

/** Stands for a storage account: it needs the blob service to answer for its name. */
const bucket: Behaviour = {
  type: 'aws_s3_bucket',
  source,
  refuses,
  seconds,
  async create(planned, { world }) {
    await world.ensureBlobAccount(String(planned['bucket']))
    return { ...planned, id: planned['bucket'] }
  },
}

export const testCloud: SimulatedCloud = {
  name: 'aws',
  provider: 'aws',
  providerVersion: '5.100.0',
  behaviours: [vpc, securityGroup, cluster, database, launchTemplate, bucket],
  dataSources: [
    {
      type: 'aws_caller_identity',
      source,
      read: async (_configured, { world, provider }) => ({
        id: world.secrets.awsAccountId,
        account_id: world.secrets.awsAccountId,
        arn: `arn:aws:iam::${world.secrets.awsAccountId}:user/sandbox`,
        user_id: String(provider['region']),
      }),
    },
  ],
  async handle(request, response) {
    response.end(`test cloud: ${request.url}`)
  },
  reviewToken: async () => undefined,
  commandLineEnvironment: () => ({}),
  target: () => ({ account: '123456789012', environment: {}, endpoints: {}, backend: {} }),
}
