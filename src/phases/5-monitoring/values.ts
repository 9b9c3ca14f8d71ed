import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import { contextName, platformIdKey } from '../../config/names.ts'
import type { Config, EnvironmentName } from '../../config/schema.ts'
import { MlpError } from '../../engine/errors.ts'
import type { Json, JsonObject } from '../../engine/json.ts'
import type { Context } from '../phase.ts'
import { remoteWriteValues } from './fleet.ts'
import { receiversSecret } from './names.ts'
import { alertmanagerConfig, receiverKeys } from './receivers.ts'
import { telemetryOf } from './telemetry.ts'

export type ValuesContext = Pick<Context, 'config' | 'platformId' | 'templates' | 'platformFolder'>

const sizes: Readonly<Record<EnvironmentName, { readonly retention: string; readonly storage: string }>> = {
  dev: { retention: '7d', storage: '20Gi' },
  staging: { retention: '15d', storage: '50Gi' },
  prod: { retention: '30d', storage: '200Gi' },
}
/** Prometheus stops before its volume is full, which it would not survive. */
const usableShare = 0.8

const valuesSchema = z.record(z.string(), z.json())

/** The chart's values for one cluster, as YAML. No secrets: those are in Secrets that the values name. */
export async function chartValues(context: ValuesContext, cloud: CloudName): Promise<string> {
  const { templates, platformFolder } = context
  const folder = join(templates, 'monitoring')
  const written = [
    await readValues(join(folder, 'values.yaml')),
    await readValues(join(folder, `values.${cloud}.yaml`)),
    configuredValues(context, cloud),
    (await readValuesIfThere(join(platformFolder, 'overrides', 'monitoring', 'values.yaml'))) ?? {},
  ]
  return stringify(written.reduce(merge), { lineWidth: 0 })
}

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

function configuredValues({ config, platformId }: ValuesContext, cloud: CloudName): JsonObject {
  const { retention, storage } = { ...sizes[config.environment], ...written(config) }
  const marks = {
    [platformIdKey.kubernetes]: platformId,
    'mlp.dev/environment': config.environment,
  }
  const replicas = config.environment === 'prod' ? 2 : 1
  const claimed = (size?: string): JsonObject => ({
    metadata: { labels: marks },
    ...(size === undefined ? {} : { spec: { resources: { requests: { storage: size } } } }),
  })
  const secrets = receiverKeys(config).length === 0 ? [] : [receiversSecret]
  return {
    ...(config.monitoring?.imageRegistry === undefined
      ? {}
      : { global: { imageRegistry: config.monitoring.imageRegistry } }),
    commonLabels: marks,
    // Grafana fetches the plugin for the store of logs by itself, and goes on without where it cannot.
    ...(telemetryOf(config).logs
      ? { grafana: { 'grafana.ini': { plugins: { preinstall: 'victoriametrics-logs-datasource' } } } }
      : {}),
    prometheus: {
      prometheusSpec: {
        replicas,
        retention,
        // In powers of two, whatever Prometheus calls them.
        retentionSize: `${Math.floor(gibibytes(storage) * usableShare)}GB`,
        externalLabels: { cluster: contextName(cloud, config), cloud, environment: config.environment },
        ...remoteWriteValues(config),
        storageSpec: { volumeClaimTemplate: claimed(storage) },
        // Two small nodes hold a platform of this environment, with its mesh.
        ...(config.environment === 'dev'
          ? { resources: { requests: { cpu: '100m', memory: '512Mi' } } }
          : {}),
      },
    },
    alertmanager: {
      alertmanagerSpec: { replicas, secrets, storage: { volumeClaimTemplate: claimed() } },
      config: alertmanagerConfig(config),
    },
  }
}

function written({ monitoring }: Config): { readonly retention?: string; readonly storage?: string } {
  return {
    ...(monitoring?.retention === undefined ? {} : { retention: monitoring.retention }),
    ...(monitoring?.storage === undefined ? {} : { storage: monitoring.storage }),
  }
}

function gibibytes(size: string): number {
  return Number(size.replace(/Gi$/, ''))
}

async function readValues(path: string): Promise<JsonObject> {
  return valuesSchema.parse(parse(await readFile(path, 'utf8')) ?? {})
}

/** The operator's own; what they wrote may be wrong. */
async function readValuesIfThere(path: string): Promise<JsonObject | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch {
    return undefined
  }
  try {
    return valuesSchema.parse(parse(text) ?? {})
  } catch (error) {
    throw new MlpError({
      code: 'MLP2304',
      summary: `${path} holds no values for a chart`,
      detail: error instanceof Error ? error.message : String(error),
      remedy: ['It has to be a YAML mapping, as for helm --values.'],
      cause: error,
    })
  }
}

/** As helm lays one values file over another: mappings key by key, everything else whole. */
function merge(under: JsonObject, over: JsonObject): JsonObject {
  const merged: Record<string, Json | undefined> = { ...under }
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key]
    merged[key] = isMapping(below) && isMapping(value) ? merge(below, value) : value
  }
  return merged
}

function isMapping(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
