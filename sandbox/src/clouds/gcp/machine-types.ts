/** Predefined machine types as `family-kind-cpus`: https://cloud.google.com/compute/docs/machine-resource */
const memoryGbPerCpu: Readonly<Record<string, number>> = { standard: 4, highmem: 8, highcpu: 1, highgpu: 8 }
const small: Readonly<Record<string, MachineType>> = {
  'e2-micro': { cpus: 2, memoryGb: 1 },
  'e2-small': { cpus: 2, memoryGb: 2 },
  'e2-medium': { cpus: 2, memoryGb: 4 },
}
const families = [
  'e2',
  'n1',
  'n2',
  'n2d',
  'n4',
  't2d',
  'c2',
  'c2d',
  'c3',
  'c3d',
  'c4',
  'g2',
  'a2',
  'a3',
  'm1',
  'm3',
]

export interface MachineType {
  readonly cpus: number
  readonly memoryGb: number
}

/** undefined when Compute Engine has no such type. */
export function machineType(name: string): MachineType | undefined {
  const [family = '', kind = '', size = ''] = name.split('-')
  const perCpu = memoryGbPerCpu[kind]
  if (small[name] !== undefined) return small[name]
  if (!families.includes(family) || perCpu === undefined || !/^\d+g?$/.test(size)) return undefined
  const cpus = size.endsWith('g') ? Number(size.slice(0, -1)) * 12 : Number(size)
  return { cpus, memoryGb: cpus * perCpu }
}
