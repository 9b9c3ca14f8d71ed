import { createHash } from 'node:crypto'
import { CloudError } from '../../../behaviour.ts'
import type { StoredResource } from '../../../store/resource-store.ts'
import { firstObject, integer, text, texts } from '../attributes.ts'
import { instanceType } from '../instance-types.ts'
import { inRegion } from '../naming.ts'
import { type ApiScope, items, type XmlValue } from './answer.ts'

type Input = URLSearchParams
type Shown = { readonly [name: string]: XmlValue }

/** The machines of the node groups, as EC2 shows them: one reservation each, with the tags that EKS gives. */
export function describeInstances(_input: Input, { world, region }: ApiScope): Shown {
  const machines = inRegion(world, 'aws_eks_node_group', region).flatMap(instancesOf)
  return { reservationSet: items(machines.map(machine => ({ instancesSet: items([machine]) }))) }
}

function instancesOf(group: StoredResource): readonly Shown[] {
  const { attributes } = group
  const count = integer(firstObject(attributes, 'scaling_config'), 'desired_size') ?? 0
  const type = texts(attributes, 'instance_types')[0] ?? 't3.medium'
  // Two threads a core, except on Graviton and the smallest; only their product counts.
  const vcpus = instanceType(type)?.vcpus ?? 2
  const threadsPerCore = vcpus % 2 === 0 ? 2 : 1
  return Array.from({ length: count }, (_, index) => ({
    instanceId: `i-0${createHash('sha256').update(`${group.id} ${index}`).digest('hex').slice(0, 16)}`,
    instanceType: type,
    instanceState: { code: 16, name: 'running' },
    cpuOptions: { coreCount: vcpus / threadsPerCore, threadsPerCore },
    ...(text(attributes, 'capacity_type') === 'SPOT' ? { instanceLifecycle: 'spot' } : {}),
    tagSet: items([
      { key: 'eks:cluster-name', value: text(attributes, 'cluster_name') },
      { key: 'eks:nodegroup-name', value: text(attributes, 'node_group_name') },
    ]),
  }))
}

/** By name: as a parameter, which must be a type that EC2 has, or by filter, which leaves out what it has not. */
export function describeInstanceTypes(input: Input): Shown {
  const named = (pattern: RegExp) => [...input].filter(([key]) => pattern.test(key)).map(([, value]) => value)
  const asked = named(/^InstanceType\.\d+$/)
  const unknown = asked.filter(name => instanceType(name) === undefined)
  if (unknown.length > 0)
    throw new CloudError(
      'InvalidInstanceType',
      `The following supplied instance types do not exist: [${unknown.join(', ')}]`,
    )
  return {
    instanceTypeSet: items(
      [...asked, ...named(/^Filter\.\d+\.Value\.\d+$/)].flatMap(name => {
        const type = instanceType(name)
        if (type === undefined) return []
        return [
          {
            instanceType: name,
            currentGeneration: true,
            vCpuInfo: { defaultVCpus: type.vcpus },
            memoryInfo: { sizeInMiB: type.memoryGib * 1024 },
          },
        ]
      }),
    ),
  }
}
