import type { AwsConfig, AzureConfig, Config, EnvironmentName, GcpConfig } from './schema.ts'
import { apiVersion } from './schema.ts'

/** Supported by all three clouds, by Istio, and what the sandbox runs. */
const kubernetesVersion = '1.35'

const machineTypes = {
  aws: { dev: 'm6i.large', staging: 'm6i.large', prod: 'm6i.xlarge' },
  gcp: { dev: 'e2-standard-2', staging: 'e2-standard-4', prod: 'n2-standard-4' },
  azure: { dev: 'Standard_D2s_v5', staging: 'Standard_D2s_v5', prod: 'Standard_D4s_v5' },
} as const
const gpuMachineTypes = { aws: 'g6.xlarge', gcp: 'g2-standard-8', azure: 'Standard_NC4as_T4_v3' } as const

/** dev: the guide's. staging and prod: never fewer than one node in each of three zones. */
const nodeCounts = {
  dev: { min: 2, max: 10 },
  staging: { min: 3, max: 10 },
  prod: { min: 3, max: 30 },
} as const

/** Apart from each other, from Docker's 172.17/16 and from what AKS keeps for itself (172.30/16, 172.31/16). */
const networks = {
  aws: { cidr: '10.0.0.0/16', pods: '100.64.0.0/16', services: '172.20.0.0/16' },
  gcp: { cidr: '10.1.0.0/16', pods: '10.32.0.0/14', services: '172.21.0.0/20' },
  azure: { cidr: '10.2.0.0/16', pods: '10.40.0.0/14', services: '172.22.0.0/16' },
} as const

/** The example accounts of each cloud's documentation; the sandbox needs none of yours. */
export const sandboxAccounts = {
  aws: { accountId: '111122223333' },
  gcp: { projectId: 'mlp-sandbox' },
  azure: { subscriptionId: '00000000-0000-4000-8000-000000000001' },
} as const

export interface CloudDefaults {
  readonly aws: Omit<AwsConfig, 'accountId'>
  readonly gcp: Omit<GcpConfig, 'projectId'>
  readonly azure: Omit<AzureConfig, 'subscriptionId'>
}

/** What a cloud's part of mlp.yaml is when it says nothing. */
export function cloudDefaults(environment: EnvironmentName): CloudDefaults {
  const common = (cloud: keyof typeof networks) => ({
    kubernetesVersion,
    nodes: { ...nodeCounts[environment], type: machineTypes[cloud][environment], spot: false },
    network: networks[cloud],
  })
  return {
    aws: { region: 'us-east-1', ...common('aws') },
    gcp: { region: 'us-central1', ...common('gcp') },
    azure: { location: 'eastus', ...common('azure') },
  }
}

/** What a `gpuNodes:` part leaves out; without that part there are no GPU nodes. */
export function gpuNodeDefaults(cloud: keyof typeof gpuMachineTypes) {
  return { min: 0, max: 2, type: gpuMachineTypes[cloud], spot: false }
}

/** Nothing is spent before someone writes `target: cloud`. */
export const settingDefaults = {
  target: 'sandbox',
  owner: 'platform-team',
  credentials: 'workload-identity',
} as const satisfies Partial<Config>
export const budgetDefaults = { currency: 'USD' } as const
export const databaseDefaults = { engine: 'postgresql' } as const satisfies Config['database']

/** What `mlp bootstrap` builds where there is no mlp.yaml: three clouds on this machine. */
export function defaultSandboxConfig(environment: EnvironmentName = 'dev'): Config {
  const defaults = cloudDefaults(environment)
  return {
    apiVersion,
    project: 'ml-platform',
    environment,
    ...settingDefaults,
    database: databaseDefaults,
    clouds: {
      aws: { ...sandboxAccounts.aws, ...defaults.aws },
      gcp: { ...sandboxAccounts.gcp, ...defaults.gcp },
      azure: { ...sandboxAccounts.azure, ...defaults.azure },
    },
  }
}
