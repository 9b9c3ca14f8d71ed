import { setTimeout as delay } from 'node:timers/promises'
import type { Cloud, Condition } from '../../clouds/cloud.ts'
import { MlpError } from '../../engine/errors.ts'
import type { Progress } from '../../engine/step.ts'
import type { TerraformScope } from '../../tools/terraform/command.ts'
import { type Change, type Plan, plannedResource } from '../../tools/terraform/plan-document.ts'
import { importResource, markTainted } from '../../tools/terraform/terraform.ts'
import type { Lost } from './adoption.ts'

const lookUpsAtOnce = 8
/** The slowest creations take three quarters of an hour (Azure's managed Redis, a large database). */
const patience = { pollMs: 10_000, limitMs: 60 * 60_000 }

/**
 * What an interrupted creation left. `lost`: the thing exists, and terraform's state does not know it, because a
 * killed terraform has not written it. `tainted`: the state knows it, marked as not completely made, because the wait
 * for its completion was cut short; terraform would replace it, although the cloud goes on making it.
 */
export type Remnant = { readonly address: string; readonly condition: Condition } & (
  | { readonly mark: 'lost'; readonly id: string }
  | { readonly mark: 'tainted' }
)

/** Asks the cloud about each planned creation and each tainted resource, as it is now. */
export async function findRemnants(
  cloud: Cloud,
  plan: Plan,
  signal: AbortSignal,
): Promise<readonly Remnant[]> {
  const waiting = plan.changes.filter(({ kind, tainted }) => kind === 'create' || tainted)
  const found: Remnant[] = []
  const lookUp = async () => {
    for (let change = waiting.shift(); change !== undefined; change = waiting.shift()) {
      const remnant = await remnantOf(cloud, change, signal)
      if (remnant !== undefined) found.push(remnant)
    }
  }
  await Promise.all(Array.from({ length: lookUpsAtOnce }, lookUp))
  return found.sort((a, b) => a.address.localeCompare(b.address))
}

async function remnantOf(cloud: Cloud, change: Change, signal: AbortSignal): Promise<Remnant | undefined> {
  const { address, tainted } = change
  const resource = plannedResource(change)
  // What is tainted was found by terraform's own refresh a moment ago.
  if (tainted) return { mark: 'tainted', address, condition: await cloud.condition(resource, signal) }
  const id = await cloud.findExisting(resource, signal)
  return id === undefined
    ? undefined
    : { mark: 'lost', address, id, condition: await cloud.condition(resource, signal) }
}

/** The same once the cloud has finished what it was still doing. Throws MlpError MLP2104 when that takes too long. */
export async function settledRemnants(
  cloud: Cloud,
  plan: Plan,
  signal: AbortSignal,
  progress: Progress,
  { pollMs, limitMs } = patience,
): Promise<readonly Remnant[]> {
  const deadline = Date.now() + limitMs
  for (;;) {
    const remnants = await findRemnants(cloud, plan, signal)
    const settling = remnants.filter(({ condition }) => condition === 'settling')
    const [first] = settling
    if (first === undefined) return remnants
    if (Date.now() > deadline) throw unsettled(cloud, settling, limitMs)
    const others = settling.length === 1 ? '' : ` and ${settling.length - 1} more`
    progress.report(`waiting until ${cloud.title} has finished ${first.address}${others}`)
    await delay(pollMs * (0.75 + Math.random() / 2), undefined, { signal })
  }
}

/**
 * Makes terraform's state fit the world: what stands complete loses its taint and is kept; what the cloud failed to
 * make is left tainted, or becomes it, so that the next plan replaces it. Returns what is still to be adopted.
 */
export async function takeUpRemnants(
  scope: TerraformScope,
  remnants: readonly Remnant[],
  progress: Progress,
): Promise<readonly Lost[]> {
  const lost: Lost[] = []
  for (const remnant of remnants) {
    const { address } = remnant
    const failed = remnant.condition === 'failed'
    if (remnant.mark === 'tainted' && !failed) {
      progress.report(`keeping ${address}, which is complete although its creation was interrupted`)
      await markTainted(scope, address, false, progress)
    } else if (remnant.mark === 'lost' && failed) {
      progress.report(`taking up ${address}, which the cloud failed to make`)
      await importResource(scope, address, remnant.id, progress)
      await markTainted(scope, address, true, progress)
    } else if (remnant.mark === 'lost') {
      lost.push({ to: address, id: remnant.id })
    }
  }
  if (lost.length > 0) progress.report(`adopting ${lost.length} resources that an interrupted run left`)
  return lost
}

/** The plan as it will be once the remnants are taken up, for showing it. */
export function withRemnants(plan: Plan, remnants: readonly Remnant[]): Plan {
  const kept = new Set(
    remnants.flatMap(({ address, condition }) => (condition === 'failed' ? [] : [address])),
  )
  const changes = plan.changes.map(change =>
    kept.has(change.address) ? { ...change, kind: 'adopt' as const } : change,
  )
  return { ...plan, changes }
}

function unsettled(cloud: Cloud, remnants: readonly Remnant[], limitMs: number): MlpError {
  return new MlpError({
    code: 'MLP2104',
    summary: `${cloud.title} does not finish what an interrupted run began: ${remnants.map(({ address }) => address).join(', ')}`,
    detail: `It was waited for ${Math.round(limitMs / 60_000)} minutes.`,
    remedy: [
      `Look in ${cloud.title}'s console at what holds it up.`,
      'Then run the same command again: it goes on waiting, and then continues.',
    ],
  })
}
