import * as z from 'zod'
import type { Cloud, CloudName } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
import type { CheckId } from '../../engine/check.ts'
import { parseJson } from '../../engine/json.ts'
import { readJob } from '../../kube/job.ts'
import { readRollout } from '../../kube/rollout.ts'
import { imageNames } from '../../tools/images/service-images.ts'
import { clusterCheck } from '../2-kubernetes/cluster-check.ts'
import { fail, orError, pass, simulatedFinding } from '../findings.ts'
import type { PlatformCheck } from '../phase.ts'
import { applicationsOf, deploymentOf } from './applications.ts'
import { ask, infer, newestOf, rightAnswer, untilReady } from './ask.ts'
import { databaseUsersJob } from './database-users.ts'
import { findImages } from './images-step.ts'
import { operatorKey } from './keys-step.ts'
import { peersUntold } from './peer-identities.ts'
import { peersOf, peerTrustStepId } from './peers.ts'

const attempts = 3
const fallbacks = 'gateway_rate_limit_fallbacks_total'
const answerSchema = z.looseObject({
  outputs: z.array(z.looseObject({ name: z.string(), data: z.array(z.unknown()) })),
})
const podSchema = z.looseObject({
  status: z.looseObject({
    containerStatuses: z.array(z.looseObject({ imageID: z.string().default('') })).default([]),
  }),
})

/** Guide, phase 3, asked of each cluster and of what runs in it. */
export function applicationChecks(config: Config, cloud: Cloud): readonly PlatformCheck[] {
  const applications = applicationsOf(config, cloud.name)
  const bootstrap = `mlp phase 3 --cloud ${cloud.name}`
  const id = (name: string): CheckId => `3.${cloud.name}.${name}`
  const check = clusterCheck(3, cloud.name)
  const peers = peersOf(config, cloud.name)
  return [
    check(
      'rollouts',
      'Every replica is ready',
      'Requests are refused, or wait for the pods that are left.',
      [],
      async (_context, client) => {
        const states = await Promise.all(
          applications.map(async name => ({ name, ...(await readRollout(client, deploymentOf(name))) })),
        )
        const lacking = states.filter(({ done }) => !done)
        if (lacking.length === 0) {
          const told = states.map(
            ({ name, ready, wanted, simulated }) =>
              `${name} ${ready}/${wanted}${simulated ? ' (simulated)' : ''}`,
          )
          return pass(told.join(', '))
        }
        const lines = lacking.map(({ name, ready, wanted, troubles }) => {
          const [trouble] = troubles
          const why = trouble === undefined ? '' : `: ${trouble.pod} ${trouble.reason} ${trouble.message}`
          return `${name} ${ready}/${wanted}${why}`
        })
        return fail(lines.join('\n'), [bootstrap])
      },
    ),
    check(
      'digests',
      'The pushed images run',
      'What runs is not what these sources say.',
      [id('rollouts')],
      async (context, client) => {
        const pushed = await findImages(context, cloud.name, client)
        const played: string[] = []
        const wrong = await Promise.all(
          imageNames.map(async name => {
            const wanted = pushed[name]
            if (wanted === undefined) return [`${name}: the registry has no image of these sources`]
            const digest = wanted.slice(wanted.indexOf('@') + 1)
            const newest = await newestOf(client, name)
            if (newest === undefined) return [`${name} is not there`]
            if (newest.simulated) {
              played.push(name)
              return []
            }
            const ids = newest.pods.flatMap(pod =>
              podSchema.parse(pod).status.containerStatuses.map(status => status.imageID),
            )
            const others = ids.filter(imageId => !imageId.endsWith(digest))
            return others.length === 0 ? [] : [`${name}: ${others[0]} runs, not ${digest}`]
          }),
        )
        if (wrong.flat().length > 0) return fail(wrong.flat().join('\n'), [bootstrap])
        return played.length === 0
          ? pass(`${imageNames.length} images, by digest, in every pod`)
          : simulatedFinding(played.join(', '))
      },
    ),
    check(
      'inference',
      'An inference is answered right',
      'Clients get no answers, or wrong ones.',
      [id('rollouts')],
      async (_context, client) => {
        const key = await operatorKey(client)
        if (key === undefined) return fail('the operator’s key is not in the cluster', [bootstrap])
        const answered = await infer(client, key)
        if (answered === 'simulated') return simulatedFinding('api-gateway')
        const { status, text } = answered
        if (status !== 200) return fail(`the gateway answers ${status}: ${text.slice(0, 300)}`, [bootstrap])
        const answer = answerSchema.safeParse(parseJson(text))
        const [species] = answer.data?.outputs.find(({ name }) => name === 'species')?.data ?? []
        return species === rightAnswer
          ? pass(`iris answers ${rightAnswer}, through api-gateway`)
          : fail(`iris answers ${JSON.stringify(species)} instead of ${rightAnswer}`, [bootstrap])
      },
    ),
    check(
      'metrics',
      'Metrics can be scraped',
      'Nobody sees how the platform fares.',
      [id('rollouts')],
      async (_context, client) => {
        const answered = await ask(client, 'api-gateway', { path: '/metrics' })
        if (answered === 'simulated') return simulatedFinding('api-gateway')
        const { status, text } = answered
        const series = text.split('\n').filter(line => line !== '' && !line.startsWith('#')).length
        return status === 200 && series > 0
          ? pass(`api-gateway tells ${series} series`)
          : fail(`/metrics of api-gateway answers ${status} with ${series} series`, [bootstrap])
      },
    ),
    check(
      'rate-limits',
      'Rate limits are counted for all replicas together',
      'A client gets its limit once from each replica.',
      [id('inference')],
      async (_context, client) => {
        const count = async () => {
          const answered = await ask(client, 'api-gateway', { path: '/metrics' })
          return answered === 'simulated' ? answered : metric(answered.text, fallbacks)
        }
        const wired = JSON.stringify(await client.get(deploymentOf('api-gateway'))).includes('REDIS_URL')
        if (!wired) return { status: 'warn', detail: 'each replica counts alone: phase 1 has no cache now' }
        const key = await operatorKey(client)
        // One late answer is no cache that is away.
        for (let attempt = 0; attempt < attempts; attempt++) {
          const before = await count()
          if (before === 'simulated') return simulatedFinding('api-gateway')
          if (key !== undefined) await infer(client, key)
          if ((await count()) === before) return pass('in the cache of phase 1')
        }
        return {
          status: 'warn',
          detail: 'each replica counts alone: the cache does not answer the gateway, whose log says why',
          remedy: [`mlp verify 1 --cloud ${cloud.name}`],
        }
      },
    ),
    check(
      'records',
      'Records are kept in the database of phase 1',
      'What was copied, and what was not, is forgotten with the pod.',
      [id('rollouts')],
      async (context, client) => {
        const users = await readJob(client, databaseUsersJob)
        if (users.state !== 'complete') return fail(users.why, [bootstrap])
        const deployment = JSON.stringify(await client.get(deploymentOf('data-sync')))
        const server = /"(?:postgres|mssql):\/\/[^"@]*@([^":/]+)/.exec(deployment)?.[1]
        if (server === undefined) return fail('data-sync is told of no database', [bootstrap])
        // It is ready when its own user has just asked the database something.
        const answered = await untilReady(() => ask(client, 'data-sync', { path: '/ready' }), context)
        if (answered === 'simulated') return simulatedFinding('data-sync')
        const { status, text } = answered
        return status === 200
          ? pass(`data-sync signs in to ${server} by its identity`)
          : fail(`data-sync answers ${status}: ${text.slice(0, 300)}`, [`mlp verify 1 --cloud ${cloud.name}`])
      },
    ),
    ...(peers.length > 0
      ? [
          peerTrust(cloud, peers),
          check(
            'peer-identities',
            'data-sync knows whom to become at the other clouds',
            'Its jobs to and from other clouds are refused.',
            [id('rollouts')],
            async (_context, client) => {
              const wrong = await peersUntold(client, deploymentOf('data-sync'))
              return wrong === undefined ? pass(`at ${peers.join(' and ')}`) : fail(wrong, ['mlp phase 3'])
            },
          ),
        ]
      : []),
    ...(applications.includes('mlflow')
      ? [
          check(
            'model-registry',
            'The model registry answers',
            'Models cannot be found by name and alias, and none can be registered.',
            [id('rollouts')],
            async (_context, client) => {
              const answered = await ask(client, 'mlflow', { path: '/version' })
              if (answered === 'simulated') return simulatedFinding('mlflow')
              const { status, text } = answered
              return status === 200
                ? pass(`MLflow ${text.trim().slice(0, 20)}`)
                : fail(`MLflow answers ${status}: ${text.slice(0, 300)}`, [bootstrap])
            },
          ),
        ]
      : []),
  ]
}

function peerTrust(cloud: Cloud, peers: readonly CloudName[]): PlatformCheck {
  return {
    id: peerTrustStepId(cloud.name),
    phase: 3,
    cloud: cloud.name,
    title: 'data-sync of the other clouds gets in here',
    why: 'Objects stay where they are: the other clouds’ data-sync is refused at these buckets.',
    run: ({ signal }) =>
      orError(async () => {
        const missing = await cloud.missingPeerTrust(peers, signal)
        return missing.length === 0
          ? pass(`by tokens of the clusters on ${peers.join(' and ')}, without a key`)
          : fail(`missing: ${missing.join(', ')}`, ['mlp phase 3'])
      }),
  }
}

/** Of Prometheus' text format; 0 when there is none of that name. */
function metric(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0)
}
