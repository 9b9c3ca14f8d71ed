import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import { secretValues } from '../../kube/secret.ts'
import { imageNames } from '../../tools/images/service-images.ts'
import { deploymentOf } from '../3-applications/applications.ts'
import { newestOf } from '../3-applications/ask.ts'
import { findImages } from '../3-applications/images-step.ts'
import { shown } from './answers.ts'
import { type CloudBench, servicePods } from './bench.ts'
import { ask, type Question } from './http.ts'
import { testName } from './marks.ts'
import { failed, passed, simulated, skipped } from './outcome.ts'
import type { ValidationTest } from './run-tests.ts'
import { inference, irisQuestion } from './samples.ts'

const idSchema = z.looseObject({ id: z.string() })
const podSchema = z.looseObject({
  status: z.looseObject({ containerStatuses: z.array(z.looseObject({ imageID: z.string() })).default([]) }),
})
const fallbacks = /^gateway_rate_limit_fallbacks_total(?:\{[^}]*\})? (\S+)/m
/** One late answer is no cache that is away. */
const attempts = 3

/** Each cluster's services with their registry, cache and database. */
export const stateTests: readonly ValidationTest<CloudBench>[] = [
  {
    name: 'registry',
    title: 'What runs is what the registry has of these sources',
    async run({ context, client, cloud }) {
      const pushed = await findImages(context, cloud, client)
      const wrong: string[] = []
      for (const name of imageNames) {
        const newest = await newestOf(client, name)
        if (newest?.simulated === true) return simulated(`nothing runs in ${name}’s pods`)
        const digest = pushed[name]?.split('@')[1]
        if (digest === undefined) wrong.push(`${name}: not in the registry`)
        const pods = newest?.pods ?? []
        const ids = pods.flatMap(pod => podSchema.parse(pod).status.containerStatuses)
        if (digest !== undefined && !ids.some(({ imageID }) => imageID.endsWith(digest)))
          wrong.push(`${name}: ${ids[0]?.imageID ?? `no image in ${pods.length} pods`}`)
      }
      return wrong.length === 0
        ? passed(`${imageNames.length} images, by digest`)
        : failed('the digests of the registry', wrong.join('; '))
    },
  },
  {
    name: 'cache',
    title: 'Rate limits are counted in the cache, for all replicas',
    async run({ client, key }, signal) {
      const deployment = JSON.stringify(await client.get(deploymentOf('api-gateway')))
      if (!deployment.includes('REDIS_URL'))
        return skipped('the gateway is told of no cache: each replica counts alone')
      const { pods, simulated: played } = await servicePods(client, 'api-gateway')
      const [pod] = pods
      if (played || pod === undefined) return simulated('nothing runs in the gateway’s pods')
      return await client.withPodPort({ namespace: 'ml-platform', pod, port: 8000 }, async port => {
        const count = async () =>
          Number(fallbacks.exec((await ask({ port }, { path: '/metrics' }, signal)).text)?.[1] ?? 0)
        const question = inference('iris', irisQuestion, key)
        for (let attempt = 1; ; attempt++) {
          const before = await count()
          const answer = await ask({ port }, question, signal)
          if (answer.status !== 200) return failed('an inference', shown(answer))
          const counted = (await count()) - before
          if (counted === 0) return passed('counted in phase 1’s cache')
          // As `mlp verify 3` has it: the platform works, and nobody may say that the cache does.
          if (attempt === attempts)
            return skipped(
              'each replica counts alone: the cache does not answer the gateway, whose log says why',
            )
        }
      })
    },
  },
  {
    name: 'database',
    title: 'What one replica of data-sync writes, the other reads',
    async run({ client }, signal) {
      const deployment = JSON.stringify(await client.get(deploymentOf('data-sync')))
      const { pods, simulated: played } = await servicePods(client, 'data-sync')
      const [one, other] = [pods[0], pods[1] ?? pods[0]]
      if (played || one === undefined || other === undefined)
        return simulated('nothing runs in data-sync’s pods')
      if (!deployment.includes('DATABASE_URL')) return simulated('data-sync is told of no database')
      const sync = await openDataSync(client)
      const name = testName('database')
      await sync.forget(one, name, signal)
      const location = (folder: string) => `s3://${testName('nowhere')}/${folder}`
      const made = await sync.ask(
        one,
        {
          method: 'POST',
          path: '/v1/jobs',
          json: { name, source: location('a'), destinations: [location('b')], paused: true },
        },
        signal,
      )
      if (made.status !== 201) return failed('a job: 201', shown(made))
      const { id } = idSchema.parse(parseJson(made.text))
      const read = await sync.ask(other, { path: `/v1/jobs/${id}` }, signal)
      await sync.forget(other, name, signal)
      return read.status === 200 && read.text.includes(name)
        ? passed(`written by ${one}, read by ${other}`)
        : failed('the job, from the other replica', shown(read))
    },
  },
]

/** data-sync's API at one of its pods, with the token that lives in the cluster. */
export async function openDataSync(client: CloudBench['client']) {
  const token = secretValues(
    await client.get({ apiVersion: 'v1', kind: 'Secret', name: 'data-sync-token', namespace: 'ml-platform' }),
  )['token']
  const askPod = (pod: string, question: Question, signal: AbortSignal) =>
    client.withPodPort({ namespace: 'ml-platform', pod, port: 8081 }, port =>
      ask(
        { port },
        { ...question, headers: { authorization: `Bearer ${token}`, ...question.headers } },
        signal,
      ),
    )
  return {
    ask: askPod,
    /** Also one of a run that was killed. */
    async forget(pod: string, name: string, signal: AbortSignal): Promise<void> {
      const jobs = z.looseObject({
        jobs: z.array(z.looseObject({ id: z.string(), spec: z.looseObject({ name: z.string() }) })),
      })
      const after = name.slice(0, -1)
      const listed = await askPod(pod, { path: `/v1/jobs?after=${after}&limit=20` }, signal)
      for (const job of jobs.safeParse(parseJson(listed.text)).data?.jobs ?? [])
        if (job.spec.name === name)
          await askPod(pod, { method: 'DELETE', path: `/v1/jobs/${job.id}` }, signal)
    },
  }
}
