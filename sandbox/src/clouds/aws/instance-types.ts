export interface InstanceType {
  readonly vcpus: number
  readonly memoryGib: number
  readonly gpus: number
}

const sizes: Readonly<Record<string, number>> = {
  medium: 1,
  large: 2,
  xlarge: 4,
  '2xlarge': 8,
  '4xlarge': 16,
  '8xlarge': 32,
  '12xlarge': 48,
  '16xlarge': 64,
  '24xlarge': 96,
  '48xlarge': 192,
}

// GiB of memory per vCPU by family; https://aws.amazon.com/ec2/instance-types/
const families: Readonly<Record<string, number>> = {
  m5: 4,
  m5a: 4,
  m6a: 4,
  m6i: 4,
  m6g: 4,
  m7a: 4,
  m7i: 4,
  m7g: 4,
  m8g: 4,
  c5: 2,
  c6a: 2,
  c6i: 2,
  c6g: 2,
  c7a: 2,
  c7i: 2,
  c7g: 2,
  c8g: 2,
  r5: 8,
  r6a: 8,
  r6i: 8,
  r6g: 8,
  r7a: 8,
  r7i: 8,
  r7g: 8,
  r8g: 8,
  g4dn: 4,
  g5: 4,
  g6: 4,
  g6e: 8,
}
const burstable: Readonly<Record<string, InstanceType>> = {
  medium: { vcpus: 2, memoryGib: 4, gpus: 0 },
  large: { vcpus: 2, memoryGib: 8, gpus: 0 },
  xlarge: { vcpus: 4, memoryGib: 16, gpus: 0 },
  '2xlarge': { vcpus: 8, memoryGib: 32, gpus: 0 },
}
const gpusBySize: Readonly<Record<string, number>> = { '12xlarge': 4, '24xlarge': 4, '48xlarge': 8 }

/** What a machine of this type offers; undefined for one that EC2 does not have. */
export function instanceType(name: string): InstanceType | undefined {
  const [family = '', size = ''] = name.split('.')
  if (/^t(3|3a|4g)$/.test(family)) return burstable[size]
  const perVcpu = families[family]
  const vcpus = sizes[size]
  if (perVcpu === undefined || vcpus === undefined) return undefined
  const gpus = /^g\d/.test(family) ? (gpusBySize[size] ?? 1) : 0
  return { vcpus, memoryGib: vcpus * perVcpu, gpus }
}
