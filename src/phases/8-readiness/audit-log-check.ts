import { setTimeout as delay } from 'node:timers/promises'
import type { AuditEntry, AuditedObject, AuditLog } from '../../clouds/audit-log.ts'
import type { Cloud } from '../../clouds/cloud.ts'
import type { Finding } from '../../engine/check.ts'
import type { KubeClient } from '../../kube/client.ts'
import { clusterCheck } from '../2-kubernetes/cluster-check.ts'
import { fail } from '../findings.ts'
import type { Context, PlatformCheck } from '../phase.ts'

const probe: AuditedObject = {
  resource: 'configmaps',
  namespace: 'ml-platform',
  name: 'mlp-audit-probe',
}
const dayMs = 24 * 3_600_000
/** A clock of the cluster's that is behind this machine's. */
const skewMs = 60_000
const patienceMs = 20_000
const firstPauseMs = 500
/** What investigations of an incident reach back for: https://www.cisecurity.org/controls/audit-log-management */
const leastDays = 90

/**
 * Asks for a request of mlp's own in the log that the cloud keeps. A dry run is what is asked for: it changes nothing,
 * Kubernetes audits it like any write, and AKS keeps no reads.
 */
export function auditLogCheck(cloud: Cloud): PlatformCheck {
  return clusterCheck(8, cloud.name, { timeoutMs: 60_000 })(
    'audit-log',
    'What was done in the cluster is kept in the cloud’s audit log',
    'After an incident nobody can tell who did what.',
    [],
    async (context, client) => {
      const log = cloud.auditLog()
      const state = await log.state(context.signal)
      if (!state.kept) return fail(state.problem, [`mlp phase 1 --cloud ${cloud.name}`])
      const asked = new Date()
      const refusal = await makeProbe(client)
      const entry =
        (await log.newest(probe, new Date(asked.getTime() - dayMs), context.signal)) ??
        (refusal === undefined ? await arriving(log, asked, context.signal) : undefined)
      if (entry === undefined) return notFound(log, refusal)
      return found(context, cloud, log, entry, state.retentionDays)
    },
  )
}

/** Why this identity may not make it: the pipeline's looks only, and finds what an operator's verify left. */
async function makeProbe(client: KubeClient): Promise<string | undefined> {
  const { resource, namespace, name } = probe
  for (const verb of ['create', 'patch'] as const) {
    const { allowed } = await client.may({ verb, group: '', resource, namespace })
    if (!allowed) return `may not ${verb} ${resource} in ${namespace}`
  }
  await client.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name } }, { dryRun: true })
  return undefined
}

/** Logs come late: asked again, ever more rarely, for as long as somebody waits for a check. */
async function arriving(log: AuditLog, asked: Date, signal: AbortSignal): Promise<AuditEntry | undefined> {
  const since = new Date(asked.getTime() - skewMs)
  const deadline = Date.now() + patienceMs
  for (let pauseMs = firstPauseMs; Date.now() + pauseMs < deadline; pauseMs *= 2) {
    await delay(pauseMs, undefined, { signal })
    const entry = await log.newest(probe, since, signal)
    if (entry !== undefined) return entry
  }
  return undefined
}

function found(
  { config }: Context,
  cloud: Cloud,
  { place, command }: AuditLog,
  { at, by, verb, userAgent }: AuditEntry,
  retentionDays: number | undefined,
): Finding {
  const kept = retentionDays === undefined ? 'for ever' : `for ${retentionDays} days`
  const detail = `${place}, kept ${kept}: at ${at} ${by} did ${verb} ${probe.resource} ${probe.namespace}/${probe.name} by ${userAgent}`
  const basis = { at }
  if (config.environment === 'prod' && retentionDays !== undefined && retentionDays < leastDays)
    return {
      status: 'warn',
      detail: `${detail}; in prod ${leastDays} days or more are to be kept`,
      remedy: [`mlp phase 1 --cloud ${cloud.name}`],
      basis,
    }
  return { status: 'pass', detail: `${detail}\nto look: ${command}`, basis }
}

function notFound({ place, command }: AuditLog, refusal: string | undefined): Finding {
  const why =
    refusal === undefined
      ? 'the request that was just made has not arrived there'
      : `this identity ${refusal}, so that it could make none`
  return {
    status: 'warn',
    detail: `${place} is on, but holds no request of mlp’s of the last 24 hours: ${why}`,
    remedy: ['Logs come late, Azure’s by up to 15 minutes: mlp verify 8 --wait 15m', `To look: ${command}`],
  }
}
