import type { Cloud } from '../../clouds/cloud.ts'
import type { Finding } from '../../engine/check.ts'
import { describeRef, refOf } from '../../kube/objects.ts'
import { clusterCheck } from '../2-kubernetes/cluster-check.ts'
import { fail, orError, pass } from '../findings.ts'
import type { PlatformCheck } from '../phase.ts'
import { digestOf } from './backup-objects.ts'
import { ageHours, clusterBackupState } from './backup-step.ts'

const warnHours = 7 * 24
const failHours = 30 * 24
const minuteMs = 60_000

/** What would be lost (RPO), and how long it takes to have it again (RTO), as far as it was measured. */
export function backupChecks(cloud: Cloud): readonly PlatformCheck[] {
  const { name } = cloud
  const again = `mlp phase 8 --cloud ${name}`
  return [
    clusterCheck(8, name, { timeoutMs: 30_000 })(
      'cluster-backup',
      'The cluster’s objects are copied, and a copy was restored',
      'A cluster that is lost has to be put together from memory.',
      [],
      async (context, client) => {
        const { place, newest, text, proof, rehearsals } = await clusterBackupState(context, name, client)
        if (newest === undefined) return fail(`no copy is kept below ${place}`, [again])
        if (proof === undefined) return fail(`${newest.name}: nobody has ever restored it`, [again])
        if (proof.copy !== newest.name)
          return fail(`${newest.name} was never restored, but ${proof.copy} was`, [again])
        if (text === undefined || digestOf(text) !== proof.digest)
          return fail(`${place}/${newest.name} is not what was restored: somebody has changed it`, [again])
        if (rehearsals.length > 0) {
          const names = rehearsals.map(each => describeRef(refOf(each))).join(', ')
          return fail(`a rehearsal of a restore is under way, or ended in the middle: ${names}`, [again])
        }
        const hours = ageHours(newest)
        const basis = { at: proof.at }
        const told = `RPO now ${span(hours * 60)} (${newest.name}, ${proof.objects} objects); RTO ${proof.restoreSeconds} s (${proof.restored} restored and compared, ${proof.accepted} only asked of the API server; ${proof.leftOut.length} Secrets are not in it)`
        if (hours > failHours) return fail(`older than ${failHours / 24} days: ${told}`, [again])
        return hours > warnHours
          ? { status: 'warn', detail: `older than ${warnHours / 24} days: ${told}`, remedy: [again], basis }
          : { ...pass(told), basis }
      },
    ),
    {
      id: `8.${name}.bucket-versions`,
      phase: 8,
      cloud: name,
      title: 'What is overwritten or deleted in a bucket can be had again',
      why: 'One wrong upload, or one wrong deletion, and a model or a data set is gone.',
      run: context =>
        orError(async () => {
          const buckets = await cloud.backups().buckets(context.signal)
          const bad = buckets.filter(({ problem }) => problem !== undefined)
          return bad.length === 0
            ? pass(buckets.map(({ bucket, detail }) => `${bucket}: ${detail}`).join('\n'))
            : fail(bad.map(({ bucket, problem }) => `${bucket}: ${problem}`).join('\n'), [
                `mlp phase 1 --cloud ${name}`,
              ])
        }),
    },
    {
      id: `8.${name}.database-backup`,
      phase: 8,
      cloud: name,
      title: 'The cloud backs the database up',
      why: 'A mistake in the database, or its loss, cannot be undone.',
      run: context =>
        orError(async () => {
          const found = await cloud.backups().database(context.signal)
          return found === undefined
            ? fail('there is no database', [`mlp phase 1 --cloud ${name}`])
            : databaseFinding(found, name)
        }),
    },
    {
      id: `8.${name}.database-restore`,
      phase: 8,
      cloud: name,
      title: 'The database was restored once, and compared',
      why: 'A backup that nobody has restored is a hope.',
      // mlp has no drill for it yet, and nothing that it could ask would show that somebody had one.
      run: async () => ({
        status: 'warn',
        detail: 'mlp cannot tell whether anybody has ever restored the database; RTO unknown',
        remedy: [
          'Restore it into a scratch instance, compare, and remove that: docs/recovery.md.',
          'Then vouch for it: mlp phase 8 --sign-off backup',
        ],
      }),
    },
  ]
}

function databaseFinding(
  found: NonNullable<Awaited<ReturnType<ReturnType<Cloud['backups']>['database']>>>,
  cloud: string,
): Finding {
  const { name, problems, retentionDays, earliest, newest, remark } = found
  if (problems.length > 0) return fail(`${name}: ${problems.join('; ')}`, [`mlp phase 1 --cloud ${cloud}`])
  const from = earliest === undefined ? '' : ` from ${earliest}`
  const kept = `${name}: ${retentionDays} days are kept${from}`
  if (newest === undefined) {
    const detail = `${kept}; RPO unknown: ${remark ?? 'the cloud names no newest moment'}`
    return earliest === undefined ? { status: 'warn', detail } : pass(detail)
  }
  const minutes = Math.max(0, Date.now() - Date.parse(newest)) / minuteMs
  return pass(`${kept}; RPO now ${span(minutes)} (it can be restored to ${newest})`)
}

function span(minutes: number): string {
  if (minutes < 1) return 'less than a minute'
  if (minutes < 120) return `${Math.round(minutes)} min`
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / (24 * 60))} days`
}
