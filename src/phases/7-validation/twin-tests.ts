import { createHash, randomBytes } from 'node:crypto'
import { Agent } from 'node:http'
import { stringify } from 'yaml'
import * as z from 'zod'
import { contextName } from '../../config/names.ts'
import { refOf } from '../../kube/objects.ts'
import { waitForRollout } from '../../kube/rollout.ts'
import { secretData } from '../../kube/secret.ts'
import { deploymentOf } from '../3-applications/applications.ts'
import { digitsOutcome, shown } from './answers.ts'
import { type CloudBench, runningPods, servicePods } from './bench.ts'
import { configuration } from './deployed.ts'
import { type Answer, ask, type Question } from './http.ts'
import { markTest, testName } from './marks.ts'
import { failed, passed, simulated } from './outcome.ts'
import type { ValidationTest } from './run-tests.ts'
import { digitsQuestion, inference, irisQuestion } from './samples.ts'
import { servingAddress } from './store-tests.ts'
import { testLocation } from './test-objects.ts'
import { twinDeployment } from './twins.ts'

const gatewayName = testName('gateway')
const servingName = testName('model-serving')
const digitsName = testName('digits')
const weights = { '1': 3, '2': 1 } as const
const users = 120
/** Of `users`, around the share that the weights say: more than four standard deviations. */
const tolerance = 20
/** Each is a way of its own through the API server, which is what takes the time. */
const connections = 4
const burst = 5
const rolloutMs = 300_000
const filesSchema = z.looseObject({ data: z.record(z.string(), z.string()).default({}) }).catch({ data: {} })

/** Keys of the tests' own gateway: nobody else knows them, and they are gone with it. */
function makeKey() {
  const id = randomBytes(8).toString('hex')
  const key = `mlp_${id}_${randomBytes(32).toString('base64url')}`
  return { key, entry: { id, sha256: createHash('sha256').update(key).digest('hex') } }
}

const user = makeKey()
const narrow = makeKey()
const limited = makeKey()
const expired = makeKey()

const gatewayConfiguration = {
  upstreams: {
    models: { url: 'http://model-serving.ml-serving.svc.cluster.local:8080' },
    bucket: { url: `http://${servingName}.ml-serving.svc.cluster.local:8080` },
  },
  defaultUpstream: 'models',
  models: {
    digits: {
      versions: Object.entries(weights).map(([version, weight]) => ({ version, weight })),
      stickyBy: { header: 'x-user-id' },
    },
    [digitsName]: { upstream: 'bucket' },
  },
}
const clients = [
  {
    name: testName('user'),
    scopes: ['infer:*'],
    rateLimit: { requestsPerSecond: 1000, burst: 2000 },
    keys: [user.entry, { ...expired.entry, expires: '2020-01-01T00:00:00Z' }],
  },
  {
    name: testName('narrow'),
    scopes: ['infer:iris'],
    rateLimit: { requestsPerSecond: 1000, burst: 2000 },
    keys: [narrow.entry],
  },
  {
    // Its count is kept in the cache: another run is another client. What is refused counts too, so nobody else asks by it.
    name: testName(`limited-${limited.entry.id}`),
    scopes: ['infer:iris'],
    rateLimit: { requestsPerSecond: 0.01, burst },
    keys: [limited.entry],
  },
]

/**
 * A gateway and a model server of the tests' own, made like the deployed ones: what changes configurations and keys, or
 * uses up a limit, is tested on them, before the deployed model servers.
 */
export const twinTests: readonly ValidationTest<CloudBench>[] = [
  {
    name: 'twins',
    title: 'A second gateway and a model server come up beside those that are deployed',
    after: ['objects-put'],
    deadlineMs: rolloutMs + 30_000,
    async run({ context, client, cloud, report }, signal) {
      const [gateway, serving] = [
        await client.get(deploymentOf('api-gateway')),
        await client.get(deploymentOf('model-serving')),
      ]
      if (gateway === undefined || serving === undefined)
        return failed('both Deployments', 'one is not there')
      if ((await servicePods(client, 'api-gateway')).simulated)
        return simulated('nothing runs in the gateway’s pods')
      const inPlatform = { name: gatewayName, namespace: 'ml-platform' }
      const inServing = { name: servingName, namespace: 'ml-serving' }
      const deployments = [
        twinDeployment(gateway, {
          ...inPlatform,
          volumes: {
            configuration: { configMap: { name: gatewayName } },
            keys: { secret: { secretName: gatewayName } },
          },
        }),
        twinDeployment(serving, {
          ...inServing,
          env: { MODELS: `${servingAddress(testLocation(context, cloud, 'models', 'models'))}/models.json` },
        }),
      ]
      const live = await client.get(configuration)
      const objects = [
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: inPlatform,
          // Beside it may lie what the gateway needs of its cloud: the authority of Google's cache.
          data: { ...filesSchema.parse(live).data, 'gateway.yaml': stringify(gatewayConfiguration) },
        },
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: inPlatform,
          data: secretData({ 'clients.yaml': stringify({ clients }) }),
        },
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: inServing,
          spec: {
            selector: { app: servingName },
            ports: [{ name: 'http', port: 8080, targetPort: 'http', appProtocol: 'http' }],
          },
        },
        ...deployments,
      ]
      for (const object of objects) await client.apply(markTest(context, object))
      const kubectl = `kubectl --context ${contextName(cloud, context.config)}`
      await Promise.all(
        deployments.map(deployment =>
          waitForRollout(client, refOf(deployment), { signal, kubectl, report, timeoutMs: rolloutMs }),
        ),
      )
      return passed('both are ready')
    },
  },
  {
    name: 'scopes',
    title: 'A key opens what it is for, and only until it expires',
    after: ['twins'],
    run: (bench, signal) =>
      atTwin(bench, signal, async send => {
        const tries = [
          { who: 'a key for another model', key: narrow.key, wanted: 403 },
          { who: 'a key that has expired', key: expired.key, wanted: 401 },
          { who: 'a key for all models', key: user.key, wanted: 200 },
        ]
        const bad: string[] = []
        for (const { who, key, wanted } of tries) {
          const answer = await send(inference('digits', digitsQuestion, key))
          if (answer.status !== wanted) bad.push(`${who}: ${shown(answer)}`)
        }
        const wanted = tries.map(each => `${each.who}: ${each.wanted}`).join(', ')
        return bad.length === 0 ? passed(wanted) : failed(wanted, bad.join('; '))
      }),
  },
  {
    name: 'rate-limits',
    title: 'A client that has used up its limit is told when to come back',
    after: ['twins'],
    run: (bench, signal) =>
      atTwin(bench, signal, async send => {
        const wanted = `${burst} answers, then 429 with Retry-After`
        const statuses: number[] = []
        let last: Answer | undefined
        // A gateway whose cache does not answer in time counts by itself, so that two counts may let through twice as many.
        while (last?.status !== 429 && statuses.length <= 2 * burst) {
          last = await send(inference('iris', irisQuestion, limited.key))
          statuses.push(last.status)
        }
        const served = statuses.filter(status => status === 200).length
        const seen = `${statuses.join(', ')}, Retry-After ${last?.headers['retry-after'] ?? 'missing'}`
        const right = served === statuses.length - 1 && last?.status === 429
        if (!right || served < burst || !(Number(last?.headers['retry-after']) > 0))
          return failed(wanted, seen)
        const alone =
          served > burst ? ', some of them let through by the gateway alone, without the cache' : ''
        return passed(`${served} answers${alone}; then 429 with Retry-After`)
      }),
  },
  {
    name: 'routing-weights',
    title: 'Versions get the shares that their weights say, and a user stays with one',
    after: ['twins'],
    run: (bench, signal) =>
      atTwin(bench, signal, async send => {
        const versionOf = async (who: string) => {
          const question = inference('digits', digitsQuestion, user.key)
          const answer = await send({ ...question, headers: { ...question.headers, 'x-user-id': who } })
          return answer.status === 200
            ? String(answer.headers['mlp-model-version'])
            : `status ${answer.status}`
        }
        const versions = new Map<string, string>()
        for (let batch = 0; batch < users; batch += 10) {
          await Promise.all(
            Array.from({ length: 10 }, async (_, index) => {
              const who = `validation-${batch + index}`
              versions.set(who, await versionOf(who))
            }),
          )
        }
        const count = (version: string) => [...versions.values()].filter(each => each === version).length
        const share = (users * weights['1']) / (weights['1'] + weights['2'])
        const told = `of ${users} users ${count('1')} to version 1, ${count('2')} to version 2`
        const again = await versionOf('validation-0')
        if (again !== versions.get('validation-0'))
          return failed(`version ${versions.get('validation-0')} for the same user again`, `version ${again}`)
        const right = count('1') + count('2') === users && Math.abs(count('1') - share) <= tolerance
        return right ? passed(told) : failed(`about ${share} of ${users} users to version 1`, told)
      }),
  },
  {
    name: 'model-from-bucket',
    title: 'A model that is put into the bucket is served',
    after: ['twins'],
    run: (bench, signal) =>
      atTwin(bench, signal, async send => {
        const answer = await send(inference(digitsName, digitsQuestion, user.key))
        const judged = digitsOutcome(answer)
        if (judged.state !== 'passed') return judged
        const from = testLocation(bench.context, bench.cloud, 'models', 'models')
        return passed(`${judged.detail}, by the model in ${from}`)
      }),
  },
]

async function atTwin(
  { client }: CloudBench,
  signal: AbortSignal,
  work: (send: (question: Question) => Promise<Answer>) => Promise<ReturnType<typeof passed>>,
) {
  const ref = { apiVersion: 'apps/v1', kind: 'Deployment', name: gatewayName, namespace: 'ml-platform' }
  const [pod] = (await runningPods(client, ref)).pods
  if (pod === undefined) return failed('a pod', `${gatewayName} has none`)
  return await client.withPodPort({ namespace: 'ml-platform', pod, port: 8000 }, async port => {
    const agent = new Agent({ keepAlive: true, maxSockets: connections })
    try {
      return await work(question => ask({ port, agent }, question, signal))
    } finally {
      agent.destroy()
    }
  })
}
