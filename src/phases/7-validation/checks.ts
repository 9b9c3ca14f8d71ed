import type { CloudName } from '../../clouds/cloud.ts'
import type { Finding } from '../../engine/check.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, refOf } from '../../kube/objects.ts'
import { requireCluster } from '../2-kubernetes/cluster.ts'
import { checkPatienceMs, clusterCheck } from '../2-kubernetes/cluster-check.ts'
import { fail, orError, pass } from '../findings.ts'
import type { PlatformCheck } from '../phase.ts'
import { deployedNow } from './deployed.ts'
import { findTestObjects } from './marks.ts'
import { outdated, readRecord, type ValidationRecord } from './record.ts'
import { describeChange, openChanges } from './undo-list.ts'

const again = 'mlp phase 7'

/** Whether what is deployed was validated, asked of the clusters themselves. */
export function validationChecks(clouds: readonly CloudName[]): readonly PlatformCheck[] {
  return [...clouds.flatMap(cloudChecks), ...(clouds.length === 0 ? [] : [platformCheck(clouds)])]
}

function cloudChecks(cloud: CloudName): readonly PlatformCheck[] {
  const check = clusterCheck(7, cloud)
  return [
    check(
      'validation',
      'What is deployed was validated since, and found good',
      'Nobody has seen that what runs now does what it is for.',
      [],
      async (context, client) => {
        const deployed = { [cloud]: await deployedNow(context, client) }
        return verdict(
          await recordsOf(client, ['integration', 'load']),
          deployed,
          `${again} --cloud ${cloud}`,
        )
      },
    ),
    check(
      'leftovers',
      'Tests have left nothing behind',
      'A pod, a node or an object that only a test wanted stays as the test left it.',
      [],
      async (context, client) => {
        const objects = await findTestObjects(context, client)
        const changes = await openChanges(client)
        const left = [...objects.map(object => describeRef(refOf(object))), ...changes.map(describeChange)]
        return left.length === 0
          ? pass('nothing')
          : fail(`a run of tests ended in the middle, or is under way: ${left.join('; ')}`, [
              `${again} --cloud ${cloud}`,
            ])
      },
    ),
  ]
}

function platformCheck(clouds: readonly CloudName[]): PlatformCheck {
  const [home] = clouds
  // What is tested only where it is asked for is missed by nobody.
  const names = ['services-unit', ...(clouds.length > 1 ? ['data-sync'] : [])]
  return {
    id: '7.all.validation',
    phase: 7,
    cloud: 'all',
    title: 'What the clouds do together was validated since, and found good',
    why: 'Nobody has seen that one cloud stands in for another.',
    run: context =>
      orError(async () => {
        if (home === undefined) return pass('no cloud')
        const deployed: Record<string, Awaited<ReturnType<typeof deployedNow>>> = {}
        for (const cloud of clouds)
          deployed[cloud] = await deployedNow(context, await requireCluster(context, cloud, checkPatienceMs))
        const client = await requireCluster(context, home, checkPatienceMs)
        return verdict(await recordsOf(client, names), deployed, again)
      }),
  }
}

interface Named {
  readonly name: string
  readonly record: ValidationRecord | undefined
}

function recordsOf(client: KubeClient, names: readonly string[]): Promise<readonly Named[]> {
  return Promise.all(names.map(async name => ({ name, record: await readRecord(client, name) })))
}

function verdict(
  records: readonly Named[],
  deployed: Readonly<Record<string, { readonly digest: string; readonly at: string }>>,
  remedy: string,
): Finding {
  const bad = records.flatMap(({ name, record }) => {
    if (record === undefined) return [`${name}: never validated`]
    if (record.result === 'failed') return [`${name}: ${record.failures.join('; ')}`]
    // Of one cloud's services only what was tested on it counts.
    const tested = Object.fromEntries(Object.entries(deployed).filter(([cloud]) => cloud in record.deployed))
    const why = outdated(record, tested)
    return why === undefined ? [] : [`${name}: ${why}`]
  })
  if (bad.length > 0) return fail(bad.join('\n'), [remedy])
  const passed = records.reduce((sum, { record }) => sum + (record?.passed ?? 0), 0)
  const unproved = records.flatMap(({ record }) => [
    ...(record?.simulated ?? []).map(each => `simulated: ${each}`),
    ...(record?.skipped ?? []).map(each => `skipped: ${each}`),
  ])
  const times = records.flatMap(({ record }) => (record?.at ? [record.at] : [])).sort()
  const told = `${passed} tests passed on ${times.at(-1)}`
  const [oldest] = times
  const basis = oldest === undefined ? {} : { basis: { at: oldest } }
  return unproved.length === 0
    ? { ...pass(told), ...basis }
    : { status: 'warn', detail: `${told}; ${unproved.join('; ')}`, ...basis }
}
