import type { CloudName } from '../../clouds/cloud.ts'
import { MlpError } from '../../engine/errors.ts'
import type { Json } from '../../engine/json.ts'
import type { Progress, Status, StepId } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import { openCluster, requireCluster } from '../2-kubernetes/cluster.ts'
import { statusInCluster } from '../2-kubernetes/in-cluster.ts'
import { undoObjects } from '../2-kubernetes/undo.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { deployedNow } from './deployed.ts'
import { removeTestObjects } from './marks.ts'
import { type Numbers, outdated, readRecord, recordsName, writeRecord } from './record.ts'
import { detailOf, type TestResult } from './run-tests.ts'
import { restoreAll, undoListName } from './undo-list.ts'

export interface Clients {
  readonly byCloud: ReadonlyMap<CloudName, KubeClient>
  get(cloud: CloudName): KubeClient
}

export interface ValidationOptions {
  /** `integration` */
  readonly name: string
  readonly cloud: CloudName | 'all'
  readonly title: string
  readonly needs: readonly StepId[]
  /** Which clusters it is about; the first keeps the record. */
  clouds(context: Context): readonly CloudName[]
  /** What else decides what is tested, as short text: another answer, another validation. */
  of?(context: Context): string | Promise<string>
  /** Whether it makes test objects, and so clears them away. Default: what is about one cloud does. */
  readonly makesObjects?: boolean
  /** What the last run measured, to be kept with its record. */
  numbers?(): Numbers | undefined
  /** Why there is nothing to be done, where that is so. */
  idle?(context: Context): string | undefined
  run(
    context: Context,
    clients: Clients,
    where: { readonly step: StepId; readonly cloud: CloudName | 'all' },
    progress: Progress,
  ): Promise<readonly TestResult[]>
}

/**
 * Tests of the platform as a step: done when the cluster holds a record of them that is green, of what is deployed now,
 * and younger. A failing test is told, recorded and fails the step, after all others have run.
 */
export function validationStep(options: ValidationOptions): PlatformStep {
  const { name, cloud, title, needs } = options
  const id: StepId = `7.${cloud}.${name}`
  const ofThis = async (context: Context) => (await options.of?.(context)) ?? ''
  return {
    id,
    cloud,
    title,
    needs,
    inputs: (): Json => null,
    async status(context): Promise<Status> {
      const idle = options.idle?.(context)
      if (idle !== undefined) return { state: 'present', outputs: {}, why: idle }
      const [home, ...others] = options.clouds(context)
      if (home === undefined) return { state: 'present', outputs: {}, why: 'no cloud of this run is asked' }
      return statusInCluster(context, home, async client => {
        const record = await readRecord(client, name)
        if (record === undefined) return { state: 'absent', why: 'never validated' }
        if (record.result === 'failed')
          return { state: 'partial', why: `the last validation failed: ${record.failures.join('; ')}` }
        const of = await ofThis(context)
        if (record.of !== of)
          return { state: 'partial', why: `validated: ${record.of || 'less'}; asked for: ${of}` }
        const deployed = { [home]: await deployedNow(context, client) }
        for (const other of others)
          deployed[other] = await deployedNow(context, await requireCluster(context, other))
        const why = outdated(record, deployed)
        if (why !== undefined) return { state: 'partial', why }
        const said = record.simulated.length === 0 ? '' : `, ${record.simulated.length} simulated`
        return {
          state: 'present',
          outputs: { validatedAt: record.at },
          why: `${record.passed} tests passed${said} on ${record.at}, and nothing was deployed since`,
        }
      })
    },
    async plan(context) {
      const idle = options.idle?.(context)
      if (idle !== undefined) return []
      return [
        {
          step: id,
          cloud,
          subject: title,
          action: 'run',
          why: 'tests run against what is deployed',
          destroysData: false,
          seconds: 60,
          monthlyCost: null,
        },
      ]
    },
    async apply(context, progress) {
      // --force does not ask for what has to be asked for by name.
      if (options.idle?.(context) !== undefined) return {}
      const clouds = options.clouds(context)
      const byCloud = new Map<CloudName, KubeClient>()
      for (const each of clouds) byCloud.set(each, await requireCluster(context, each))
      const clients = { byCloud, get: (each: CloudName) => needed(byCloud, each) }
      const report = (message: string) => progress.report(message)
      const clear = async () => {
        for (const [each, client] of byCloud) {
          await restoreAll(context, client, name, report)
          if (options.makesObjects ?? cloud !== 'all') await removeTestObjects(context, client, each, report)
        }
      }
      // What a killed run has left behind.
      await clear()
      const before = await deployedIn(context, byCloud)
      let results: readonly TestResult[]
      try {
        results = await options.run(context, clients, { step: id, cloud }, progress)
      } finally {
        if (!context.signal.aborted) await clear()
      }
      const after = await deployedIn(context, byCloud)
      const moved = clouds.filter(each => before[each] !== after[each])
      const home = clouds[0]
      if (home !== undefined)
        await writeRecord(context, clients.get(home), name, before, results, {
          of: await ofThis(context),
          numbers: options.numbers?.(),
        })
      refuseFailures(id, results)
      if (moved.length > 0) throw deployedMeanwhile(moved)
      return {}
    },
    async undo(context, progress) {
      if (cloud === 'all') return { removed: [], kept: [], left: [] }
      const access = await cloudOf(context, cloud).cluster(context.signal)
      if (access === undefined) return { removed: [], kept: [], left: [] }
      const client = openCluster(context, cloudOf(context, cloud), access)
      const report = (message: string) => progress.report(message)
      await restoreAll(context, client, undefined, report)
      const undone = [await removeTestObjects(context, client, cloud, report)]
      // Records of all clouds together are in one of their clusters.
      const kinds = [{ apiVersion: 'v1', kind: 'ConfigMap' }]
      for (const made of [recordsName, undoListName])
        undone.push(await undoObjects(context, client, cloud, { name: made, kinds }, report))
      return {
        removed: undone.flatMap(({ removed }) => removed),
        kept: undone.flatMap(({ kept }) => kept),
        left: undone.flatMap(({ left }) => left),
      }
    },
  }
}

function needed(byCloud: ReadonlyMap<CloudName, KubeClient>, cloud: CloudName): KubeClient {
  const client = byCloud.get(cloud)
  if (client === undefined) throw new Error(`no client of ${cloud} was opened`)
  return client
}

async function deployedIn(
  context: Context,
  byCloud: ReadonlyMap<CloudName, KubeClient>,
): Promise<Readonly<Record<string, string>>> {
  const digests: Record<string, string> = {}
  for (const [cloud, client] of byCloud) digests[cloud] = (await deployedNow(context, client)).digest
  return digests
}

function refuseFailures(id: StepId, results: readonly TestResult[]): void {
  const failures = results.filter(({ outcome }) => outcome.state === 'failed')
  if (failures.length === 0) return
  const names = failures.map(({ name, cloud }) => `${name} on ${cloud}`).join(', ')
  throw new MlpError({
    code: 'MLP5260',
    summary: `${failures.length} of ${results.length} tests failed: ${names}`,
    detail: failures
      .map(({ name, cloud, outcome }) => `${name} on ${cloud}: ${detailOf(outcome)}`)
      .join('\n'),
    remedy: [
      'Put right what is named above; tests.json and tests.xml of the run have all results.',
      `mlp phase 7 --step ${id}`,
    ],
  })
}

function deployedMeanwhile(clouds: readonly string[]): MlpError {
  return new MlpError({
    code: 'MLP5261',
    summary: `Something was deployed on ${clouds.join(', ')} while the tests ran`,
    detail: 'What they found may be true of what ran before.',
    remedy: ['Run the same command again when nobody deploys.'],
  })
}
