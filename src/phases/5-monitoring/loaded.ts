import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { MlpError } from '../../engine/errors.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { KubeObject } from '../../kube/objects.ts'
import { readAlerts, readRules, readScrapePools, readTargets, simulated } from './api.ts'

/** The operator writes Prometheus' configuration anew, the kubelet brings it into the pod, and a reloader tells it. */
const timeoutMs = 600_000
const pollMs = 2_000
export const watchdog = 'Watchdog'

interface Wait {
  readonly what: string
  readonly signal: AbortSignal
  readonly report: (message: string) => void
  /** What is missing; undefined when nothing is, or when nobody is there to be asked. */
  look(): Promise<string | undefined>
}

const specSchema = z.looseObject({
  spec: z.looseObject({ groups: z.array(z.looseObject({ name: z.string() })) }),
})

/** The names of all rule groups of these objects. */
export function groupsOf(objects: readonly KubeObject[]): readonly string[] {
  return objects.flatMap(object => specSchema.parse(object).spec.groups.map(({ name }) => name))
}

/** Applied is not loaded: what is verified right after a run has to hold. */
export async function waitForRules(
  client: KubeClient,
  objects: readonly KubeObject[],
  options: Pick<Wait, 'signal' | 'report'>,
): Promise<void> {
  const wanted = groupsOf(objects)
  await waitUntil({
    ...options,
    what: 'Prometheus to take the rules',
    async look() {
      const groups = await readRules(client)
      if (groups === simulated) return undefined
      const loaded = new Set(groups.map(({ name }) => name))
      const missing = wanted.filter(name => !loaded.has(name))
      if (missing.length > 0) return `not loaded yet: ${missing.join(', ')}`
      const arrived = await readAlerts(client)
      if (arrived === simulated || arrived.includes(watchdog)) return undefined
      return `${watchdog} has not arrived at Alertmanager yet`
    },
  })
}

export async function waitForMonitors(
  client: KubeClient,
  objects: readonly KubeObject[],
  options: Pick<Wait, 'signal' | 'report'>,
): Promise<void> {
  // As the operator names them: kind, namespace, name, and which endpoint it is.
  const wanted = objects.map(
    ({ kind, metadata }) =>
      `${kind.charAt(0).toLowerCase()}${kind.slice(1)}/${metadata.namespace}/${metadata.name}/0`,
  )
  await waitUntil({
    ...options,
    what: 'Prometheus to look where it should',
    async look() {
      const pools = await readScrapePools(client)
      if (pools === simulated) return undefined
      const missing = wanted.filter(name => !pools.includes(name))
      if (missing.length > 0) return `not looked at yet: ${missing.join(', ')}`
      const targets = await readTargets(client)
      if (targets === simulated) return undefined
      const unasked = targets.filter(
        ({ scrapePool, health }) => wanted.includes(scrapePool) && health === 'unknown',
      )
      return unasked.length === 0 ? undefined : `not asked yet: ${unasked.length} targets`
    },
  })
}

async function waitUntil({ what, signal, report, look }: Wait): Promise<void> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const missing = await soon(look)
    if (missing === undefined) return
    report(missing)
    if (Date.now() > deadline) {
      throw new MlpError({
        code: 'MLP4061',
        summary: `Waiting for ${what} took longer than ${timeoutMs / 60_000} min`,
        detail: missing,
        remedy: [
          'The operator’s log says what it does not take: kubectl --namespace monitoring logs deployment/prometheus-kube-prometheus-operator',
          'Run the same command again: it goes on waiting.',
        ],
      })
    }
    await delay(pollMs, undefined, { signal })
  }
}

/** Prometheus that restarts does not answer for a moment. */
async function soon(look: Wait['look']): Promise<string | undefined> {
  try {
    return await look()
  } catch (error) {
    if (error instanceof MlpError && (error.code === 'MLP4040' || error.code === 'MLP4063'))
      return error.message
    throw error
  }
}
