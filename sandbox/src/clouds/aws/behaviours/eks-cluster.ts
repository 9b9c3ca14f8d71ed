import { randomUUID } from 'node:crypto'
import { parseRange } from '../../../addresses.ts'
import { type Behaviour, type BehaviourScope, CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import { firstObject, flag, requiredText, text, texts } from '../attributes.ts'
import { arn, ec2Id, globalArn, mustBeFree, mustExist, regionOf, withTags } from '../naming.ts'
import { mustHaveRoleArn } from './iam.ts'
import { mustHaveSubnets, rangesOfVpc } from './vpc.ts'

// https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html
const supportedVersions = ['1.30', '1.31', '1.32', '1.33', '1.34', '1.35']

/** The cluster's key in the sandbox's cluster manager. */
export function clusterKey(name: string): string {
  return `aws/${name}`
}

const cluster: Behaviour = {
  type: 'aws_eks_cluster',
  source:
    'https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html, API_DeleteCluster.html, API_UpdateClusterVersion.html',
  seconds: { create: 560, update: 480, delete: 180 },
  refuses: { create: ['ResourceInUseException'], delete: ['ResourceInUseException'] },
  validate(configured) {
    const name = text(configured, 'name')
    return name === undefined || /^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/.test(name)
      ? []
      : [
          {
            path: 'name',
            message: `"${name}" must begin with an alphanumeric character and have at most 100 of [A-Za-z0-9_-]`,
          },
        ]
  },
  computedBlocks: ['access_config', 'kubernetes_network_config', 'upgrade_policy'],
  async create(planned, scope) {
    const name = requiredText(planned, 'name')
    mustBeFree(
      scope,
      'aws_eks_cluster',
      name,
      'ResourceInUseException',
      `Cluster already exists with name: ${name}`,
    )
    mustHaveRoleArn(scope, requiredText(planned, 'role_arn'), 'InvalidParameterException')
    const version = text(planned, 'version') ?? '1.35'
    if (!supportedVersions.includes(version))
      throw new CloudError('InvalidParameterException', `unsupported Kubernetes version ${version}`)
    mustHaveKey(planned, scope)
    const vpcId = vpcOf(planned, scope)
    const servicesCidr =
      text(firstObject(planned, 'kubernetes_network_config'), 'service_ipv4_cidr') ?? '172.20.0.0/16'
    const prefix = parseRange(servicesCidr)?.prefix ?? 0
    if (prefix < 12 || prefix > 24)
      throw new CloudError(
        'InvalidParameterException',
        `The service CIDR ${servicesCidr} must be between /24 and /12`,
      )
    scope.report(`starting the control plane of ${name}`)
    const endpoint = await scope.world.clusters.create(
      clusterKey(name),
      {
        cloud: 'aws',
        name,
        version,
        serviceCidr: servicesCidr,
        // Pods take addresses of the VPC: of its secondary range where there is one.
        podCidr: rangesOfVpc(scope, vpcId).at(-1) ?? '10.0.0.0/16',
      },
      scope.report,
    )
    const group = clusterSecurityGroup(name, vpcId, scope)
    keepControlPlaneLog(planned, scope)
    const created = new Date().toISOString()
    return {
      ...withTags(planned, scope),
      id: name,
      arn: arn(scope, 'eks', `cluster/${name}`),
      cluster_id: '',
      created_at: created,
      endpoint: endpoint.endpoint,
      certificate_authority: [{ data: Buffer.from(endpoint.caPem).toString('base64') }],
      identity: [{ oidc: [{ issuer: endpoint.issuer }] }],
      platform_version: 'eks.3',
      status: 'ACTIVE',
      version,
      access_config: [
        {
          authentication_mode: 'CONFIG_MAP',
          bootstrap_cluster_creator_admin_permissions: true,
          ...firstObject(planned, 'access_config'),
        },
      ],
      kubernetes_network_config: [
        {
          ip_family: 'ipv4',
          elastic_load_balancing: [{ enabled: false }],
          ...withoutEmpty(firstObject(planned, 'kubernetes_network_config')),
          service_ipv4_cidr: servicesCidr,
          service_ipv6_cidr: '',
        },
      ],
      upgrade_policy: [{ support_type: 'EXTENDED', ...firstObject(planned, 'upgrade_policy') }],
      vpc_config: [
        {
          public_access_cidrs: flag(firstObject(planned, 'vpc_config'), 'endpoint_public_access')
            ? ['0.0.0.0/0']
            : [],
          ...firstObject(planned, 'vpc_config'),
          cluster_security_group_id: group,
          vpc_id: vpcId,
        },
      ],
      _creator_arn: globalArn(scope.world, 'iam', 'user/mlp-sandbox'),
      _uid: randomUUID(),
    }
  },
  recomputedOn: { platform_version: ['version'] },
  async update(prior, planned, scope) {
    const before = Number((text(prior, 'version') ?? '1.35').split('.')[1])
    const after = Number((text(planned, 'version') ?? '1.35').split('.')[1])
    if (after < before || after > before + 1)
      throw new CloudError(
        'InvalidParameterException',
        `Unsupported Kubernetes minor version update from 1.${before} to 1.${after}`,
      )
    return { ...prior, ...withTags(planned, scope), platform_version: 'eks.3' }
  },
  async remove(prior, scope) {
    const name = requiredText(prior, 'name')
    const nodegroups = scope.world.store
      .list('aws_eks_node_group')
      .some(group => group.attributes['cluster_name'] === name)
    if (nodegroups) throw new CloudError('ResourceInUseException', 'Cluster has nodegroups attached', 409)
    await scope.world.clusters.destroy(clusterKey(name))
    const { store } = scope.world
    // EKS takes along what it made or keeps inside: its security group, addons, entries and associations.
    store.delete(
      'aws_security_group',
      text(firstObject(prior, 'vpc_config'), 'cluster_security_group_id') ?? '',
    )
    for (const type of [
      'aws_eks_addon',
      'aws_eks_access_entry',
      'aws_eks_access_policy_association',
      'aws_eks_pod_identity_association',
    ])
      for (const inside of store.list(type))
        if (inside.attributes['cluster_name'] === name) store.delete(type, inside.id)
  },
}

function withoutEmpty(attributes: Attributes): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).filter(
      ([, value]) => value !== null && !(Array.isArray(value) && value.length === 0),
    ),
  )
}

function mustHaveKey(planned: Attributes, scope: BehaviourScope): void {
  const encryption = firstObject(planned, 'encryption_config')
  const key = text(firstObject(encryption, 'provider'), 'key_arn')
  if (key === undefined) return
  mustExist(
    scope,
    'aws_kms_key',
    key.split('/').at(-1),
    'InvalidParameterException',
    `The keyArn in encryptionConfig provider is invalid: ${key}`,
  )
}

function vpcOf(planned: Attributes, scope: BehaviourScope): string {
  const subnets = texts(firstObject(planned, 'vpc_config'), 'subnet_ids')
  mustHaveSubnets(scope, subnets, 'InvalidParameterException')
  const attributes = subnets.map(id => scope.world.store.get('aws_subnet', id)?.attributes ?? {})
  if (new Set(attributes.map(subnet => subnet['availability_zone'])).size < 2)
    throw new CloudError(
      'InvalidParameterException',
      'Subnets specified must be in at least two different AZs',
    )
  const vpcs = new Set(attributes.map(subnet => text(subnet, 'vpc_id')))
  const [vpc] = vpcs
  if (vpcs.size !== 1 || vpc === undefined)
    throw new CloudError('InvalidParameterException', 'Subnets specified must be in the same VPC')
  return vpc
}

/** The group EKS puts on the control plane's interfaces and the nodes. */
function clusterSecurityGroup(name: string, vpcId: string, scope: BehaviourScope): string {
  // A creation that was cut short after it made its group is no cluster yet: the group is there, and nobody's.
  const unfinished = scope.world.store
    .list('aws_security_group')
    .find(
      ({ attributes }) =>
        text(attributes, 'vpc_id') === vpcId &&
        text(attributes, 'name')?.replace(/-\d+$/, '') === `eks-cluster-sg-${name}`,
    )
  if (unfinished !== undefined) return unfinished.id
  const id = ec2Id('sg')
  scope.world.store.put('aws_security_group', id, {
    id,
    name: `eks-cluster-sg-${name}-${Date.now() % 1_000_000_000}`,
    description:
      'EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed workloads.',
    arn: arn(scope, 'ec2', `security-group/${id}`),
    owner_id: scope.world.secrets.awsAccountId,
    vpc_id: vpcId,
    ingress: [],
    egress: [],
    tags: { 'aws:eks:cluster-name': name, [`kubernetes.io/cluster/${name}`]: 'owned' },
  })
  return id
}

/** Without a log group of the right name EKS makes one, without retention, and leaves it behind. */
function keepControlPlaneLog(planned: Attributes, scope: BehaviourScope): void {
  const name = `/aws/eks/${requiredText(planned, 'name')}/cluster`
  if (
    texts(planned, 'enabled_cluster_log_types').length === 0 ||
    scope.world.store.get('aws_cloudwatch_log_group', name) !== undefined
  )
    return
  scope.world.store.put('aws_cloudwatch_log_group', name, {
    id: name,
    name,
    arn: `arn:aws:logs:${regionOf(scope)}:${scope.world.secrets.awsAccountId}:log-group:${name}`,
    retention_in_days: 0,
    tags: {},
  })
}

/** For everything inside a cluster. */
export function mustHaveCluster(scope: BehaviourScope, name: string) {
  return mustExist(
    scope,
    'aws_eks_cluster',
    name,
    'ResourceNotFoundException',
    `No cluster found for name: ${name}.`,
  )
}

export const eksClusterBehaviours: readonly Behaviour[] = [cluster]
