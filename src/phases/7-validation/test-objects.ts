import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CloudName } from '../../clouds/cloud.ts'
import type { KubeClient } from '../../kube/client.ts'
import { waitForJob } from '../../kube/job.ts'
import { refOf } from '../../kube/objects.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import { deploymentOf } from '../3-applications/applications.ts'
import type { Context } from '../phase.ts'
import { markTest, testName, testPrefix } from './marks.ts'
import { twinJob } from './twins.ts'

/** Test data in a cloud's buckets. Put and removed by a Job in the cluster, under data-sync's own identity. */

export function testLocation(
  context: Context,
  cloud: CloudName,
  bucket: 'models' | 'data',
  folder: string,
): string {
  return `${cloudOf(context, cloud).bucketAddress(bucket)}/${testPrefix}/${folder}`
}

/** Everything below the tests' own prefix, in both buckets. */
export function testLocations(context: Context, cloud: CloudName): readonly string[] {
  return (['data', 'models'] as const).map(
    bucket => `${cloudOf(context, cloud).bucketAddress(bucket)}/${testPrefix}`,
  )
}

export interface Put {
  readonly location: string
  /** By key. */
  readonly objects: ReadonlyMap<string, Buffer>
}

/** Puts objects where nothing of earlier tests is any more. */
export async function putObjects(
  context: Context,
  client: KubeClient,
  cloud: CloudName,
  puts: readonly Put[],
  report: (message: string) => void,
): Promise<void> {
  const name = testName('objects')
  const files = puts.flatMap(({ objects }, index) =>
    [...objects].map(([key, content]) => [
      `${index}__${key.replaceAll('/', '__')}`,
      content.toString('base64'),
    ]),
  )
  await client.apply(
    markTest(context, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'ml-platform' },
      binaryData: Object.fromEntries(files),
    }),
  )
  await runObjects(context, client, name, report, {
    OBJECTS_REMOVE: testLocations(context, cloud).join(' '),
    OBJECTS_PUT: puts.map(({ location }) => location).join(' '),
  })
}

export async function removeObjects(
  context: Context,
  client: KubeClient,
  locations: readonly string[],
  report: (message: string) => void,
): Promise<void> {
  await runObjects(context, client, testName('objects-removal'), report, {
    OBJECTS_REMOVE: locations.join(' '),
  })
}

async function runObjects(
  context: Context,
  client: KubeClient,
  name: string,
  report: (message: string) => void,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const live = await client.get(deploymentOf('data-sync'))
  // Without data-sync there is nobody who may write to the buckets, and nobody who has.
  if (live === undefined) return
  const files = env['OBJECTS_PUT'] === undefined ? {} : { files: { configMap: name, path: '/objects' } }
  const job = markTest(
    context,
    twinJob(live, {
      name,
      namespace: 'ml-platform',
      command: ['/nodejs/bin/node', 'services/data-sync/src/objects/main.ts'],
      env: { ...env },
      ...files,
    }),
  )
  const ref = refOf(job)
  if (await client.delete(ref))
    await client.waitFor(ref, {
      what: `the end of ${name}`,
      timeoutMs: 180_000,
      done: seen => seen === undefined,
    })
  await client.apply(job)
  await waitForJob(client, ref, { signal: context.signal, report })
  await client.delete(ref)
}

/** A sample model, as it lies in mlp's own package. */
export async function sampleModel(context: Pick<Context, 'templates'>): Promise<Buffer> {
  return await readFile(
    join(context.templates, '..', 'services', 'model-serving', 'models', 'digits', '1', 'model.onnx'),
  )
}
