import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import { shown } from './answers.ts'
import { type CloudBench, servicePods } from './bench.ts'
import { testName } from './marks.ts'
import { failed, type Outcome, passed, simulated } from './outcome.ts'
import type { ValidationTest } from './run-tests.ts'
import { openDataSync } from './state-tests.ts'
import { putObjects, sampleModel, testLocation, testLocations } from './test-objects.ts'
import { willUndo } from './undo-list.ts'

const runSchema = z.looseObject({
  id: z.string(),
  state: z.string(),
  problem: z.string().optional(),
  progress: z
    .looseObject({
      destinations: z.array(z.looseObject({ copied: z.int(), inStep: z.int(), failed: z.int() })),
    })
    .optional(),
})
const pollMs = 500
/** Folders, an empty object, and one that is not text. */
export const testFiles: ReadonlyMap<string, Buffer> = new Map([
  ['readings/2026/one.json', Buffer.from('{"reading": 1}\n')],
  ['readings/2026/two.json', Buffer.from('{"reading": 2}\n')],
  ['readings/empty', Buffer.alloc(0)],
  ['pictures/noise.bin', Buffer.from(createHash('sha512').update('mlp-validation').digest())],
])

export const storeTests: readonly ValidationTest<CloudBench>[] = [
  {
    name: 'objects-put',
    title: 'The services’ identity writes to the buckets',
    deadlineMs: 300_000,
    async run({ context, client, cloud, report }) {
      const { simulated: played } = await servicePods(client, 'data-sync')
      if (played) return simulated('nothing runs in data-sync’s pods')
      // Written down before anything is put, so that it is removed whatever happens.
      await willUndo(context, client, 'integration', [
        { kind: 'objects', locations: [...testLocations(context, cloud)] },
      ])
      const model = await sampleModel(context)
      const models = testLocation(context, cloud, 'models', 'models')
      const puts = [
        { location: testLocation(context, cloud, 'data', 'source'), objects: testFiles },
        {
          location: models,
          objects: new Map([
            ['digits.onnx', model],
            ['models.json', catalogue(models, model)],
          ]),
        },
      ]
      await putObjects(context, client, cloud, puts, report)
      return passed(
        `${testFiles.size + 2} objects below ${puts.map(({ location }) => location).join(' and ')}`,
      )
    },
  },
  {
    name: 'object-store',
    title: 'data-sync copies what differs, and nothing twice',
    after: ['objects-put'],
    deadlineMs: 240_000,
    async run({ context, client, cloud }, signal) {
      const source = testLocation(context, cloud, 'data', 'source')
      const destination = testLocation(context, cloud, 'models', 'copy')
      return await syncTwice(client, { name: testName('sync'), source, destinations: [destination] }, signal)
    },
  },
]

/** The catalogue of a model server: Azure's addresses begin otherwise there than data-sync has them. */
function catalogue(location: string, model: Buffer): Buffer {
  const source = `${servingAddress(location)}/digits.onnx`
  const sha256 = createHash('sha256').update(model).digest('hex')
  const models = [{ name: testName('digits'), versions: [{ version: '1', source, sha256 }] }]
  return Buffer.from(JSON.stringify({ models }))
}

export function servingAddress(location: string): string {
  return location.replace(/^azure:/, 'az:')
}

interface SyncJob {
  readonly name: string
  readonly source: string
  readonly destinations: readonly string[]
}

/** The first run copies everything, the second finds everything in step. */
export async function syncTwice(
  client: CloudBench['client'],
  job: SyncJob,
  signal: AbortSignal,
): Promise<Outcome> {
  const [pod = ''] = (await servicePods(client, 'data-sync')).pods
  const sync = await openDataSync(client)
  await sync.forget(pod, job.name, signal)
  const made = await sync.ask(
    pod,
    { method: 'POST', path: '/v1/jobs', json: { ...job, paused: true } },
    signal,
  )
  if (made.status !== 201) return failed('a job: 201', shown(made))
  const { id } = z.looseObject({ id: z.string() }).parse(parseJson(made.text))
  const runOnce = async () => {
    const asked = await sync.ask(pod, { method: 'POST', path: `/v1/jobs/${id}/runs`, json: {} }, signal)
    if (asked.status !== 202) throw new Error(`a run was not taken: ${shown(asked)}`)
    const { id: run } = runSchema.parse(parseJson(asked.text))
    for (;;) {
      const seen = runSchema.parse(parseJson((await sync.ask(pod, { path: `/v1/runs/${run}` }, signal)).text))
      if (!['queued', 'running'].includes(seen.state)) return seen
      await delay(pollMs, undefined, { signal })
    }
  }
  const said = (run: z.output<typeof runSchema>) =>
    `${run.state}: ${(run.progress?.destinations ?? [])
      .map(each => `${each.copied} copied, ${each.inStep} in step, ${each.failed} failed`)
      .join('; ')}${run.problem === undefined ? '' : `: ${run.problem}`}`
  const count = testFiles.size
  const wanted = (copied: number, inStep: number) =>
    `succeeded: ${job.destinations.map(() => `${copied} copied, ${inStep} in step, 0 failed`).join('; ')}`
  const first = await runOnce()
  const second = said(first) === wanted(count, 0) ? await runOnce() : undefined
  await sync.forget(pod, job.name, signal)
  if (second === undefined) return failed(wanted(count, 0), said(first))
  if (said(second) !== wanted(0, count)) return failed(`the second time ${wanted(0, count)}`, said(second))
  return passed(
    `${count} objects from ${job.source} to ${job.destinations.join(', ')}; the second run copied none`,
  )
}
