import type { Cloud, CloudName, CloudResource } from '../../clouds/cloud.ts'
import type { Leftover } from '../../engine/events.ts'
import { runsThePlatform } from './data-bearing.ts'
import { hourlyCosts } from './hourly-costs.ts'

interface SweepOptions {
  readonly destroyData: boolean
  /** Says of each thing that is left what it costs an hour. */
  readonly withCosts: boolean
  readonly signal: AbortSignal
}

/**
 * Proof of a teardown: asks each cloud for everything that carries this platform's id. Reads neither terraform's nor
 * mlp's state, so it also finds what both forgot.
 */
export async function sweep(
  clouds: ReadonlyMap<CloudName, Cloud>,
  options: SweepOptions,
): Promise<{ readonly kept: readonly Leftover[]; readonly left: readonly Leftover[] }> {
  const each = await Promise.all([...clouds.values()].map(cloud => sweepCloud(cloud, options)))
  return { kept: each.flatMap(({ kept }) => kept), left: each.flatMap(({ left }) => left) }
}

async function sweepCloud(cloud: Cloud, options: SweepOptions) {
  const preparations = await cloud.preparations(options.signal)
  const prepared = new Set(preparations.map(({ id }) => id))
  const kept: Leftover[] = [...preparations]
  const left: Leftover[] = []
  for await (const resource of cloud.inventory(options.signal)) {
    const { type, id, name } = resource
    if (prepared.has(id)) continue
    const reason = keptBecause(resource, options.destroyData)
    const found = { cloud: cloud.name, type, id, name }
    if (reason === undefined) left.push({ ...found, reason: 'still there after the teardown' })
    else kept.push({ ...found, reason })
  }
  if (!options.withCosts || left.length === 0) return { kept, left }
  const costOf = await hourlyCosts(cloud, options.signal)
  return {
    kept,
    left: left.map(found => ({ ...found, reason: `${found.reason}; ${costOf(found.type)}` })),
  }
}

function keptBecause(resource: CloudResource, destroyData: boolean): string | undefined {
  if (resource.keptBecause !== undefined) return resource.keptBecause
  if (destroyData || runsThePlatform(resource.type)) return undefined
  return resource.holdsData ? 'holds data; --destroy-data removes it' : 'the kept data needs it'
}
