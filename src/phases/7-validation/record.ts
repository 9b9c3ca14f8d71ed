import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { ObjectRef } from '../../kube/objects.ts'
import { mark } from '../2-kubernetes/marks.ts'
import type { Context } from '../phase.ts'
import { detailOf, type TestResult } from './run-tests.ts'

/** The step's mark on every record: undo finds them by it. */
export const recordsName = 'validation'
const key = 'validation.json'

const recordSchema = z.object({
  result: z.enum(['passed', 'failed']),
  /** By cloud, what was deployed when the tests ran. */
  deployed: z.record(z.string(), z.string()),
  passed: z.int(),
  failures: z.array(z.string()),
  simulated: z.array(z.string()),
  skipped: z.array(z.string()),
  /** What else was asked for, as text: another load, other sources. */
  of: z.string(),
  numbers: z.record(z.string(), z.number()).optional(),
})
/** What was measured, for the next run to compare with. */
export type Numbers = Readonly<Record<string, number>>

export type ValidationRecord = z.output<typeof recordSchema> & {
  /** By the cluster's own clock. */
  readonly at: string
}

function refOf(name: string): ObjectRef {
  return { apiVersion: 'v1', kind: 'ConfigMap', name: `mlp-${recordsName}-${name}`, namespace: 'ml-platform' }
}

/** What the last validation of this name found, as the cluster keeps it; undefined when there was none. */
export async function readRecord(client: KubeClient, name: string): Promise<ValidationRecord | undefined> {
  const found = await client.get(refOf(name))
  const data = z.looseObject({ data: z.record(z.string(), z.string()) }).safeParse(found).data?.data
  const parsed = recordSchema.safeParse(parseJson(data?.[key] ?? ''))
  return parsed.success ? { ...parsed.data, at: found?.metadata.creationTimestamp ?? '' } : undefined
}

/** Made anew each time, so that the cluster's clock says when: it is compared with when pods were deployed. */
export async function writeRecord(
  context: Context,
  client: KubeClient,
  name: string,
  deployed: Readonly<Record<string, string>>,
  results: readonly TestResult[],
  { of, numbers }: { readonly of: string; readonly numbers?: Numbers | undefined },
): Promise<void> {
  const ref = refOf(name)
  const named = (state: TestResult['outcome']['state']) =>
    results
      .filter(({ outcome }) => outcome.state === state)
      .map(({ name: test, cloud, outcome }) => `${test} on ${cloud}: ${detailOf(outcome)}`.slice(0, 500))
  const failures = named('failed')
  const record: z.output<typeof recordSchema> = {
    result: failures.length === 0 ? 'passed' : 'failed',
    deployed,
    passed: named('passed').length,
    failures,
    simulated: named('simulated'),
    skipped: named('skipped'),
    of,
    ...(numbers === undefined ? {} : { numbers }),
  }
  await client.delete(ref)
  await client.apply(
    mark(context, recordsName, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: ref.name, namespace: ref.namespace },
      data: { [key]: `${JSON.stringify(record, null, 2)}\n` },
    }),
  )
}

/** Why the record is no proof for what is deployed now; undefined when it is. */
export function outdated(
  record: ValidationRecord,
  deployed: Readonly<Record<string, { readonly digest: string; readonly at: string }>>,
): string | undefined {
  for (const [cloud, now] of Object.entries(deployed)) {
    if (record.deployed[cloud] !== now.digest) return `what is deployed on ${cloud} is not what was validated`
    if (record.at < now.at)
      return `validated on ${record.at}, before the newest deployment on ${cloud} (${now.at})`
  }
  return undefined
}
