import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import type { Json, JsonObject } from '../../engine/json.ts'
import type { Context } from '../phase.ts'
import { type IstioVersion, istioVersion, meshNames, networkLabel, otherClouds } from './mesh.ts'

export interface Overlay {
  /** As istioctl reads it. */
  readonly text: string
  /** Of that text: by it a change is seen. */
  readonly hash: string
  readonly version: IstioVersion
}

/** One cluster's overlay: the template, what differs by cloud and environment, and its names, put in as data. */
export async function overlayOf(
  context: Pick<Context, 'config' | 'templates'>,
  cloud: CloudName,
): Promise<Overlay> {
  const { config, templates } = context
  const load = async (file: string) =>
    objectSchema.parse(parse(await readFile(join(templates, 'mesh', file), 'utf8')))
  const version = await istioVersion(context)
  const { meshId, cluster, network } = meshNames(config, cloud)
  const base = merged(await load('overlay.yaml'), await load(`overlay-${cloud}.yaml`))
  const sized = config.environment === 'dev' ? merged(base, await load('overlay-dev.yaml')) : base
  const named = merged(sized, {
    metadata: { name: meshId },
    spec: {
      ...(config.mesh?.imageRegistry === undefined ? {} : { hub: config.mesh.imageRegistry }),
      tag: version.tag,
      revision: version.revision,
      values: { global: { meshID: meshId, multiCluster: { clusterName: cluster }, network } },
    },
  })
  const overlay =
    otherClouds(config, cloud).length === 0
      ? named
      : withGateway(named, eastWestGateway(await load('east-west.yaml'), network))
  const text = stringify(overlay, { lineWidth: 0 })
  return { text, hash: createHash('sha256').update(text).digest('hex').slice(0, 16), version }
}

const objectSchema = z.record(z.string(), z.json())
const gatewaysSchema = z.looseObject({
  spec: z.looseObject({ components: z.looseObject({ ingressGateways: z.array(z.json()) }) }),
})
const gatewaySchema = z.looseObject({
  label: z.record(z.string(), z.string()),
  k8s: z.looseObject({ env: z.array(z.looseObject({ name: z.string() })) }),
})

function eastWestGateway(template: JsonObject, network: string): JsonObject {
  const gateway = gatewaySchema.parse(template)
  return objectSchema.parse({
    ...gateway,
    label: { ...gateway.label, [networkLabel]: network },
    k8s: { ...gateway.k8s, env: gateway.k8s.env.map(variable => ({ ...variable, value: network })) },
  })
}

function withGateway(overlay: JsonObject, gateway: JsonObject): JsonObject {
  const { ingressGateways } = gatewaysSchema.parse(overlay).spec.components
  return merged(overlay, { spec: { components: { ingressGateways: [...ingressGateways, gateway] } } })
}

/** Mappings are merged key by key; everything else of `over` replaces. */
function merged(under: JsonObject, over: JsonObject): JsonObject {
  const result: Record<string, Json | undefined> = { ...under }
  for (const [key, value] of Object.entries(over)) {
    const below = result[key]
    result[key] = isObject(value) && isObject(below) ? merged(below, value) : value
  }
  return result
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
