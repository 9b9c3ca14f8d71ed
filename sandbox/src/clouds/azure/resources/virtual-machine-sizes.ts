/** What one machine of a size has. */
export interface MachineSize {
  readonly cpus: number
  readonly memoryGib: number
  readonly gpus: number
}

/** GPU sizes that ML platforms use. Source: https://learn.microsoft.com/azure/virtual-machines/sizes/gpu-accelerated */
const gpuSizes: Readonly<Record<string, MachineSize>> = {
  Standard_NC4as_T4_v3: { cpus: 4, memoryGib: 28, gpus: 1 },
  Standard_NC8as_T4_v3: { cpus: 8, memoryGib: 56, gpus: 1 },
  Standard_NC16as_T4_v3: { cpus: 16, memoryGib: 110, gpus: 1 },
  Standard_NC64as_T4_v3: { cpus: 64, memoryGib: 440, gpus: 4 },
  Standard_NC24ads_A100_v4: { cpus: 24, memoryGib: 220, gpus: 1 },
  Standard_NC48ads_A100_v4: { cpus: 48, memoryGib: 440, gpus: 2 },
  Standard_NC96ads_A100_v4: { cpus: 96, memoryGib: 880, gpus: 4 },
  Standard_NC40ads_H100_v5: { cpus: 40, memoryGib: 320, gpus: 1 },
}

/** GiB of memory a vCPU, by family. Source: https://learn.microsoft.com/azure/virtual-machines/sizes/overview */
const memoryPerCpuGib: Readonly<Record<string, number>> = { A: 2, B: 4, D: 4, E: 8, F: 2 }

/**
 * Reads a size's name: family, vCPUs, features, version (`Standard_D4s_v5`). Undefined when Azure has no such size as
 * far as this knows.
 */
export function machineSize(name: string): MachineSize | undefined {
  const gpu = gpuSizes[name]
  if (gpu !== undefined) return gpu
  const [, family, cpuText] = /^Standard_([ABDEF])(\d+)[a-z]*(?:_v\d+)?$/.exec(name) ?? []
  if (family === undefined || cpuText === undefined) return undefined
  const cpus = Number(cpuText)
  return { cpus, memoryGib: cpus * (memoryPerCpuGib[family] ?? 4), gpus: 0 }
}
