import * as z from 'zod'
import type { StoredCopy } from '../../clouds/backups.ts'
import type { CloudName } from '../../clouds/cloud.ts'
import { MlpError } from '../../engine/errors.ts'
import type { Leftover } from '../../engine/events.ts'
import type { Status, Undone } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import { requireCluster } from '../2-kubernetes/cluster.ts'
import { statusInCluster, undoInCluster } from '../2-kubernetes/in-cluster.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { copyCluster, readCopy, savedNamespaces, writeCopy } from './backup-objects.ts'
import { type ProofKind, readProof, removeProof, writeProof } from './backup-record.ts'
import { findRehearsals, rehearseRestore, removeRehearsal } from './backup-restore.ts'

/** A run takes a new copy when the newest is older. */
const freshHours = 24
const hourMs = 3_600_000
/** Older ones go: the bucket keeps versions of what is deleted. */
const copiesKept = 14
const leftOutNamed = 20

const copyPrefix = 'cluster/'

const proofSchema = z.object({
  copy: z.string(),
  digest: z.string(),
  objects: z.int(),
  restored: z.int(),
  accepted: z.int(),
  restoreSeconds: z.number(),
  leftOut: z.array(z.string()),
})
const clusterProof: ProofKind<z.output<typeof proofSchema>> = {
  name: 'cluster-backup',
  schema: proofSchema,
}

export function ageHours({ at }: Pick<StoredCopy, 'at'>, now = Date.now()): number {
  return Math.max(0, now - Date.parse(at)) / hourMs
}

/** A copy of the cluster's objects outside of it, proved by restoring it. */
export function clusterBackupStep(cloud: CloudName, after: PlatformStep['needs']): PlatformStep {
  return {
    id: `8.${cloud}.cluster-backup`,
    cloud,
    title: 'Backup of the cluster’s objects, restored once',
    needs: [`2.${cloud}.namespaces`],
    // What they make is part of it.
    after,
    inputs: () => ({ namespaces: [...savedNamespaces] }),
    status: context =>
      statusInCluster(context, cloud, async client => {
        const backups = cloudOf(context, cloud).backups()
        const [copies, proof, rehearsals] = await Promise.all([
          backups.list(copyPrefix, context.signal),
          readProof(client, clusterProof),
          findRehearsals(context, client),
        ])
        return stands(copies, proof, rehearsals.length)
      }),
    async apply(context, progress) {
      const client = await requireCluster(context, cloud)
      const backups = cloudOf(context, cloud).backups()
      progress.report('copying the cluster’s objects')
      const copy = await copyCluster(context, client, cloud)
      const { text, digest } = writeCopy(copy)
      const name = `${copyPrefix}${copy.takenAt.replaceAll(':', '-')}.json`
      await backups.write(name, text, context.signal)
      // What is restored is what the bucket gives back.
      const kept = readCopy((await backups.read(name, context.signal)) ?? '')
      if (kept === undefined)
        throw notRestored(cloud, [`${backups.place}/${name} cannot be read as it was written`])
      const { restored, accepted, problems, seconds } = await rehearseRestore(
        context,
        client,
        kept,
        message => progress.report(message),
      )
      if (problems.length > 0) {
        // No proof, and no copy that would pass for a good one.
        await backups.remove(name, context.signal)
        throw notRestored(cloud, problems)
      }
      const leftOut = copy.leftOut.flatMap(({ kind, names }) => names.map(each => `${kind} ${each}`))
      await writeProof(context, client, clusterProof, {
        copy: name,
        digest,
        objects: copy.objects.length,
        restored,
        accepted,
        restoreSeconds: seconds,
        leftOut: leftOut.slice(0, leftOutNamed),
      })
      await removeOld(context, cloud)
      return { copy: `${backups.place}/${name}`, objects: copy.objects.length, restored, accepted }
    },
    async undo(context) {
      const undone = await undoInCluster(context, cloud, async client => {
        await removeRehearsal(context, client)
        await removeProof(client, clusterProof.name)
        return { removed: [], kept: [], left: [] }
      })
      const copies = await undoCopies(context, cloud)
      return { ...undone, removed: copies.removed, kept: copies.kept }
    },
  }
}

function stands(
  copies: readonly StoredCopy[],
  proof: Awaited<ReturnType<typeof readProof<z.output<typeof proofSchema>>>>,
  rehearsals: number,
): Status {
  const [newest] = copies
  if (newest === undefined) return { state: 'absent', why: 'no copy of the cluster’s objects is kept' }
  if (proof === undefined) return { state: 'absent', why: 'no copy was ever restored in this cluster' }
  if (rehearsals > 0) return { state: 'partial', why: 'a rehearsal of a restore has left its namespaces' }
  if (proof.copy !== newest.name) return { state: 'partial', why: `${newest.name} was never restored` }
  const hours = ageHours(newest)
  if (hours > freshHours)
    return { state: 'partial', why: `the newest copy is ${Math.round(hours)} hours old` }
  return {
    state: 'present',
    outputs: { copy: newest.name, objects: proof.objects },
    why: `${proof.objects} objects copied and restored on ${proof.at}; a new copy after ${freshHours} hours`,
  }
}

async function removeOld(context: Context, cloud: CloudName): Promise<void> {
  const backups = cloudOf(context, cloud).backups()
  const copies = await backups.list(copyPrefix, context.signal)
  for (const { name } of copies.slice(copiesKept)) await backups.remove(name, context.signal)
}

/** They are data: whoever lost a platform by mistake wants them. */
async function undoCopies(context: Context, cloud: CloudName): Promise<Pick<Undone, 'removed' | 'kept'>> {
  const backups = cloudOf(context, cloud).backups()
  const copies = await backups.list(copyPrefix, context.signal)
  const [newest] = copies
  if (newest === undefined) return { removed: [], kept: [] }
  const row = (reason: string): Leftover => ({
    cloud,
    type: 'cluster-backup',
    id: `${backups.place}/${newest.name}`,
    name: `${copies.length} copies of the cluster’s objects`,
    reason,
  })
  if (!context.consent.destroyData)
    return { removed: [], kept: [row('what was in the cluster; --destroy-data removes it')] }
  for (const { name } of copies) await backups.remove(name, context.signal)
  return { removed: [row('made by mlp')], kept: [] }
}

function notRestored(cloud: CloudName, problems: readonly string[]): MlpError {
  return new MlpError({
    code: 'MLP4071',
    summary: `What was copied of the cluster on ${cloud} cannot be restored as it was`,
    detail: problems.slice(0, 10).join('\n'),
    remedy: [
      'Read what is named above: an object that the API server would not take again, or that came back otherwise.',
      `mlp phase 8 --cloud ${cloud}`,
    ],
  })
}

/** What a check says of it: how old, how big, how long a restore took. */
export async function clusterBackupState(context: Context, cloud: CloudName, client: KubeClient) {
  const backups = cloudOf(context, cloud).backups()
  const [[newest], proof, rehearsals] = await Promise.all([
    backups.list(copyPrefix, context.signal),
    readProof(client, clusterProof),
    findRehearsals(context, client),
  ])
  const text = newest === undefined ? undefined : await backups.read(newest.name, context.signal)
  return { place: backups.place, newest, text, proof, rehearsals }
}
