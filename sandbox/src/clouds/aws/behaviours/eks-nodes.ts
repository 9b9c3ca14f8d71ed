import { createHash } from 'node:crypto'
import { addressAt } from '../../../addresses.ts'
import { type Behaviour, type BehaviourScope, CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import type { NodeSpec } from '../../../world.ts'
import { firstObject, integer, objects, requiredText, text, textMap, texts } from '../attributes.ts'
import { instanceType } from '../instance-types.ts'
import { arn, mustBeFree, mustExist, regionOf, withTags } from '../naming.ts'
import { clusterKey, mustHaveCluster } from './eks-cluster.ts'
import { mustHaveRoleArn } from './iam.ts'
import { mustHaveSubnets } from './vpc.ts'

const nodeGroup: Behaviour = {
  type: 'aws_eks_node_group',
  source:
    'https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html, API_UpdateNodegroupConfig.html, API_DeleteNodegroup.html',
  seconds: { create: 110, update: 60, delete: 180 },
  refuses: { create: ['ResourceInUseException'], delete: [] },
  replacedBy: ['launch_template.id'],
  validate(configured) {
    const scaling = firstObject(configured, 'scaling_config')
    const [min, max, desired] = ['min_size', 'max_size', 'desired_size'].map(key => integer(scaling, key))
    if (min !== undefined && max !== undefined && min > max)
      return [
        { path: 'scaling_config.0.min_size', message: "Minimum capacity can't be greater than maximum" },
      ]
    if (
      desired !== undefined &&
      ((max !== undefined && desired > max) || (min !== undefined && desired < min))
    )
      return [
        {
          path: 'scaling_config.0.desired_size',
          message: 'desired capacity must be between minimum and maximum',
        },
      ]
    return []
  },
  async create(planned, scope) {
    const clusterName = requiredText(planned, 'cluster_name')
    const name = requiredText(planned, 'node_group_name')
    const id = `${clusterName}:${name}`
    const cluster = mustHaveCluster(scope, clusterName)
    mustBeFree(
      scope,
      'aws_eks_node_group',
      id,
      'ResourceInUseException',
      `NodeGroup already exists with name ${name} and cluster name ${clusterName}`,
    )
    mustHaveRoleArn(scope, requiredText(planned, 'node_role_arn'), 'InvalidParameterException')
    mustHaveSubnets(scope, texts(planned, 'subnet_ids'), 'InvalidParameterException')
    const template = text(firstObject(planned, 'launch_template'), 'id')
    if (template !== undefined)
      mustExist(
        scope,
        'aws_launch_template',
        template,
        'InvalidRequestException',
        `Launch template ${template} was not found`,
      )
    for (const type of texts(planned, 'instance_types'))
      if (instanceType(type) === undefined)
        throw new CloudError(
          'InvalidParameterException',
          `The following supplied instance types do not exist: [${type}]`,
        )
    const version = text(planned, 'version') ?? text(cluster.attributes, 'version') ?? '1.35'
    if (version !== cluster.attributes['version'] && version > (text(cluster.attributes, 'version') ?? ''))
      throw new CloudError(
        'InvalidParameterException',
        `Nodegroup Kubernetes version ${version} is newer than the cluster's`,
      )
    const uid = createHash('sha256')
      .update(`${id} ${Date.now()}`)
      .digest('hex')
      .slice(0, 32)
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    const attributes = {
      ami_type: 'AL2023_x86_64_STANDARD',
      capacity_type: 'ON_DEMAND',
      disk_size: template === undefined ? 20 : 0,
      instance_types: ['t3.medium'],
      node_group_name_prefix: '',
      ...withTags(planned, scope),
      id,
      arn: arn(scope, 'eks', `nodegroup/${clusterName}/${name}/${uid}`),
      version,
      release_version: `${version}.0-20261110`,
      status: 'ACTIVE',
      resources: [
        { autoscaling_groups: [{ name: `eks-${name}-${uid}` }], remote_access_security_group_id: '' },
      ],
      launch_template: objects(planned, 'launch_template').map(one => ({
        ...one,
        name: nameOfTemplate(one, scope),
      })),
      update_config: [
        {
          max_unavailable: null,
          max_unavailable_percentage: null,
          ...(objects(planned, 'update_config')[0] ?? { max_unavailable: 1 }),
        },
      ],
    }
    await makeNodes(attributes, scope)
    return attributes
  },
  computedBlocks: ['update_config'],
  recomputedOn: { release_version: ['version'] },
  async update(prior, planned, scope) {
    const attributes = {
      ...prior,
      ...withTags(planned, scope),
      release_version: `${text(planned, 'version') ?? '1.35'}.0-20261110`,
    }
    await makeNodes(attributes, scope)
    return attributes
  },
  async remove(prior, scope) {
    await scope.world.clusters.setNodes(
      clusterKey(requiredText(prior, 'cluster_name')),
      requiredText(prior, 'node_group_name'),
      [],
    )
  },
}

function nameOfTemplate(template: Attributes, scope: BehaviourScope): string | undefined {
  return (
    text(template, 'name') ??
    text(scope.world.store.get('aws_launch_template', text(template, 'id') ?? '')?.attributes ?? {}, 'name')
  )
}

async function makeNodes(group: Attributes, scope: BehaviourScope): Promise<void> {
  const count = integer(firstObject(group, 'scaling_config'), 'desired_size') ?? 0
  const nodes = Array.from({ length: count }, (_, index) => nodeOf(group, index, scope))
  await scope.world.clusters.setNodes(
    clusterKey(requiredText(group, 'cluster_name')),
    requiredText(group, 'node_group_name'),
    nodes,
  )
}

const effects: Readonly<Record<string, string>> = {
  NO_SCHEDULE: 'NoSchedule',
  NO_EXECUTE: 'NoExecute',
  PREFER_NO_SCHEDULE: 'PreferNoSchedule',
}

/** A node as EKS's bootstrap registers it; the same index is the same machine on every call. */
function nodeOf(group: Attributes, index: number, scope: BehaviourScope): NodeSpec {
  const region = regionOf(scope)
  const subnets = [...texts(group, 'subnet_ids')].sort()
  const subnet =
    scope.world.store.get('aws_subnet', subnets[index % Math.max(subnets.length, 1)] ?? '')?.attributes ?? {}
  const seed = createHash('sha256')
    .update(`${text(group, 'id')} ${index}`)
    .digest()
  const address = addressAt(text(subnet, 'cidr_block') ?? '10.0.0.0/16', 10 + (seed.readUInt16BE(0) % 4000))
  const zone = text(subnet, 'availability_zone') ?? `${region}a`
  const typeName = texts(group, 'instance_types')[0] ?? 't3.medium'
  const type = instanceType(typeName) ?? { vcpus: 2, memoryGib: 4, gpus: 0 }
  const arm = /^[a-z]+\d+g/.test(typeName.split('.')[0] ?? '') && !typeName.startsWith('g')
  return {
    name:
      region === 'us-east-1'
        ? `ip-${address.replaceAll('.', '-')}.ec2.internal`
        : `ip-${address.replaceAll('.', '-')}.${region}.compute.internal`,
    providerId: `aws:///${zone}/i-0${seed.toString('hex').slice(0, 16)}`,
    labels: {
      'eks.amazonaws.com/nodegroup': requiredText(group, 'node_group_name'),
      'eks.amazonaws.com/capacityType': text(group, 'capacity_type') ?? 'ON_DEMAND',
      'node.kubernetes.io/instance-type': typeName,
      'topology.kubernetes.io/region': region,
      'topology.kubernetes.io/zone': zone,
      'topology.ebs.csi.aws.com/zone': zone,
      'kubernetes.io/arch': arm ? 'arm64' : 'amd64',
      'kubernetes.io/os': 'linux',
      ...textMap(group, 'labels'),
    },
    taints: objects(group, 'taint').map(taint => ({
      key: requiredText(taint, 'key'),
      value: text(taint, 'value') ?? '',
      effect: effects[requiredText(taint, 'effect')] ?? 'NoSchedule',
    })),
    capacity: {
      cpu: String(type.vcpus),
      memory: `${type.memoryGib}Gi`,
      pods: '110',
      'ephemeral-storage': '50Gi',
      ...(type.gpus === 0 ? {} : { 'nvidia.com/gpu': String(type.gpus) }),
    },
  }
}

export const eksNodeBehaviours: readonly Behaviour[] = [nodeGroup]
