import {
  budgetDefaults,
  cloudDefaults,
  databaseDefaults,
  gpuNodeDefaults,
  sandboxAccounts,
  settingDefaults,
} from './defaults.ts'
import type { EnvironmentName } from './schema.ts'

type Mapping = Readonly<Record<string, unknown>>

/** What the command line chose; it wins over the file. */
export interface Choice {
  readonly environment: EnvironmentName
  readonly target: 'sandbox' | 'cloud' | undefined
}

/**
 * The configuration of one environment: defaults, then the file's base, then its overlay, then the command line.
 * Takes any data and drops nothing that is wrong: the result is still to be validated.
 */
export function resolve(file: Mapping, choice: Choice): Mapping {
  const { environments, ...base } = file
  const overlay = asMapping(asMapping(environments)[choice.environment])
  const written = merge(withLongDatabase(base), withLongDatabase(overlay))
  const target = choice.target ?? written['target'] ?? settingDefaults.target
  const { clouds } = written
  return {
    ...settingDefaults,
    ...written,
    environment: choice.environment,
    target,
    ...(clouds === undefined || isMapping(clouds)
      ? { clouds: withCloudDefaults(asMapping(clouds), choice.environment, target === 'sandbox') }
      : {}),
    database: isMapping(written['database'] ?? {})
      ? merge(databaseDefaults, asMapping(written['database']))
      : written['database'],
    ...(isMapping(written['dns']) ? { dns: withZoneCloud(written['dns'], asMapping(clouds)) } : {}),
    ...(isMapping(written['budget']) ? { budget: merge(budgetDefaults, written['budget']) } : {}),
  }
}

function withCloudDefaults(clouds: Mapping, environment: EnvironmentName, sandbox: boolean): Mapping {
  const defaults = cloudDefaults(environment)
  const filled = { ...clouds }
  for (const cloud of ['aws', 'gcp', 'azure'] as const) {
    const written = clouds[cloud]
    if (!(cloud in clouds) || (written !== null && !isMapping(written))) continue
    const base: Mapping = { ...(sandbox ? sandboxAccounts[cloud] : {}), ...defaults[cloud] }
    const merged = merge(base, asMapping(written))
    const gpuNodes = merged['gpuNodes']
    filled[cloud] = isMapping(gpuNodes)
      ? { ...merged, gpuNodes: merge(gpuNodeDefaults(cloud), gpuNodes) }
      : merged
  }
  return filled
}

/** A zone is in the first configured cloud, unless it says otherwise. */
function withZoneCloud(dns: Mapping, clouds: Mapping): Mapping {
  const first = ['aws', 'gcp', 'azure'].find(cloud => cloud in clouds)
  return first === undefined ? dns : { cloud: first, ...dns }
}

/** `database: azure-sql` is short for `database: { engine: azure-sql }`. */
function withLongDatabase(settings: Mapping): Mapping {
  return typeof settings['database'] === 'string'
    ? { ...settings, database: { engine: settings['database'] } }
    : settings
}

/** Mappings are merged key by key, everything else of `over` replaces; nothing written (null) changes nothing. */
function merge(under: Mapping, over: Mapping): Mapping {
  const merged: Record<string, unknown> = { ...under }
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key]
    if (value === null && isMapping(below)) continue
    merged[key] = isMapping(value) && isMapping(below) ? merge(below, value) : value
  }
  return merged
}

function asMapping(value: unknown): Mapping {
  return isMapping(value) ? value : {}
}

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
