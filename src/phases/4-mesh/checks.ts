import type { CloudName } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
import type { CheckId, Finding } from '../../engine/check.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, refOf } from '../../kube/objects.ts'
import { readRollout } from '../../kube/rollout.ts'
import { secretValues } from '../../kube/secret.ts'
import { daysUntil, readCertificate } from '../../tools/certificates/read.ts'
import { clusterCheck } from '../2-kubernetes/cluster-check.ts'
import { fail, pass, simulatedFinding } from '../findings.ts'
import type { Context, PlatformCheck } from '../phase.ts'
import { authorityDays, authoritySecret } from './authority-steps.ts'
import { istioctlFor } from './control-plane-step.ts'
import { askOtherClusters } from './cross-cluster.ts'
import { gatewayHosts, gatewayTls } from './gateway-certificate-step.ts'
import { askGateway } from './gateway-request.ts'
import { installedObjects } from './installed.ts'
import { istioNamespace, istioVersion, meshNames, otherClouds } from './mesh.ts'
import { meshPods, withoutSidecar } from './sidecars.ts'
import { namesOf } from './sidecars-step.ts'

const istioctlTimeoutMs = 120_000
const certificateReserveDays = 14
/** Told of pods that have ended, too; `sidecars` asks it of those that run. */
const podWithoutProxy = 'IST0103'
const inconsistentService = 'IST0170'
/** These are each cluster's own, and their node ports, which are compared too, are chosen by each cluster. */
const ownServices = new Set([
  'Service default/kubernetes',
  'Service istio-system/istio-ingressgateway',
  'Service istio-system/istio-eastwestgateway',
])

/**
 * What asks other clusters (cross-cluster.yaml) looks wrong from one: what selects a cluster selects no pod's own label,
 * and no Service leads to the gateway's door, which is on its loopback.
 */
const ofOtherClusters: ReadonlyMap<string, string> = new Map([
  ['IST0173', 'DestinationRule ml-platform/api-gateway'],
  ['IST0162', 'Gateway istio-system/cross-cluster'],
])

/** With `--cloud`, other clusters are not looked at, and may not be there yet. */
function inRun(context: Context, clouds: readonly CloudName[]): readonly CloudName[] {
  return clouds.filter(cloud => context.clouds.has(cloud))
}

/** Issue: verified with Istio's own tools, and through the gateway. */
export function meshChecks(config: Config, cloud: CloudName): readonly PlatformCheck[] {
  const again = `mlp phase 4 --cloud ${cloud}`
  const id = (name: string): CheckId => `4.${cloud}.${name}`
  const check = clusterCheck(4, cloud, { timeoutMs: istioctlTimeoutMs })
  const plane = [id('control-plane')]
  const others = otherClouds(config, cloud)
  return [
    check(
      'control-plane',
      'istiod and the gateways are ready',
      'New pods get no sidecar, and proxies get no news.',
      [],
      async (context, client) => {
        const states = await deploymentStates(client, meshNames(context.config, cloud).meshId)
        if (states.length === 0) return fail('Istio is not installed', [again])
        const lacking = states.filter(({ done, wanted }) => !done || wanted === 0)
        if (lacking.length > 0) {
          const lines = lacking.map(({ name, ready, wanted }) => `${name}: ${ready} of ${wanted} ready`)
          return fail(lines.join('\n'), [again])
        }
        const played = states.filter(({ simulated }) => simulated).map(({ name }) => name)
        if (played.length > 0) return simulatedFinding(played.join(', '))
        return pass(states.map(({ name, ready, wanted }) => `${name} ${ready}/${wanted}`).join(', '))
      },
    ),
    check(
      'analysis',
      'istioctl analyze finds nothing',
      'Rules do not do what they say.',
      plane,
      async context => {
        const { revision } = await istioVersion(context)
        const contexts = inRun(context, others).map(other => meshNames(context.config, other).cluster)
        const messages = await (await istioctlFor(context, cloud)).analyze(revision, contexts)
        const told = (level: string) =>
          messages
            .filter(
              message =>
                message.level === level &&
                message.code !== podWithoutProxy &&
                ofOtherClusters.get(message.code) !== message.origin &&
                !(message.code === inconsistentService && ownServices.has(message.origin)),
            )
            .map(({ code, origin, message }) => `${code} ${origin}: ${message}`)
        const [errors, warnings] = [told('Error'), told('Warning')]
        if (errors.length > 0) return fail(errors.join('\n'), [again])
        if (warnings.length > 0) return { status: 'warn', detail: warnings.join('\n') }
        return pass(`nothing in any namespace; ${messages.length} remarks`)
      },
    ),
    check(
      'proxies',
      'Every proxy has the newest configuration',
      'Requests go where they should have gone before.',
      plane,
      async (context, client) => {
        if (await isSimulated(client)) return simulatedFinding('istiod')
        const { revision } = await istioVersion(context)
        const proxies = await (await istioctlFor(context, cloud)).proxyStatus(revision)
        const behind = proxies.filter(proxy => proxy.behind.length > 0)
        return behind.length === 0
          ? pass(`istioctl proxy-status: ${proxies.length} in step`)
          : fail(behind.map(proxy => `${proxy.name}: ${proxy.behind.join(', ')}`).join('\n'), [
              'Wait a moment: mlp verify 4 --wait 2m',
            ])
      },
    ),
    check(
      'sidecars',
      'Every pod has its proxy',
      'Its traffic is not encrypted, and under STRICT nobody in the mesh talks to it.',
      plane,
      async (context, client) => {
        const { revision } = await istioVersion(context)
        const pods = await meshPods(client)
        const wrong = withoutSidecar(pods, revision)
        return wrong.length === 0
          ? pass(`${pods.length} pods, sidecars of ${revision}`)
          : fail(`without a sidecar of ${revision}: ${namesOf(wrong)}`, [again])
      },
    ),
    ...(others.length === 0
      ? []
      : [
          check(
            'remote-clusters',
            'The other clusters’ services are known',
            'Nothing fails over to another cluster.',
            plane,
            async (context, client) => {
              if (await isSimulated(client)) return simulatedFinding('istiod')
              const { revision } = await istioVersion(context)
              const known = await (await istioctlFor(context, cloud)).remoteClusters(revision)
              const asked = inRun(context, others)
              const problems = asked.flatMap(other => {
                const name = meshNames(context.config, other).cluster
                const rows = known.filter(row => row.name === name)
                if (rows.length === 0) return [`${name} is not known`]
                return rows.filter(row => row.status !== 'synced').map(row => `${name}: ${row.status}`)
              })
              return problems.length === 0
                ? pass(`istioctl remote-clusters: ${asked.length} synced`)
                : fail(problems.join('\n'), [again, 'mlp verify 2: their API servers have to answer'])
            },
          ),
          check(
            'cross-cluster',
            'Calls reach the other clusters',
            'What fails over to another cluster gets no answer there.',
            plane,
            async (context, client) => {
              const names = inRun(context, others).map(other => meshNames(context.config, other).cluster)
              return names.length === 0
                ? pass('no other cluster is part of this run')
                : await askOtherClusters(client, names, again)
            },
          ),
        ]),
    check(
      'strict-mtls',
      'Nothing but mutual TLS between pods',
      'Whoever is in the network reads along.',
      plane,
      async (_context, client) => strictFinding(client, again),
    ),
    check(
      'gateway',
      'The gateway answers over TLS',
      'Clients do not reach the platform.',
      plane,
      async (context, client) => {
        const [host] = gatewayHosts(context.config)
        return await askGateway(context, client, cloud, { host: host ?? '', again })
      },
    ),
    check(
      'certificates',
      'Certificates hold',
      'Clients, or the whole mesh, refuse to talk on that day.',
      [],
      async (_context, client) => certificatesFinding(client, again),
    ),
  ]
}

async function deploymentStates(client: KubeClient, meshId: string) {
  const installed = await installedObjects(client, meshId)
  return await Promise.all(
    installed
      .filter(({ kind }) => kind === 'Deployment')
      .map(async deployment => ({
        name: deployment.metadata.name,
        ...(await readRollout(client, refOf(deployment))),
      })),
  )
}

async function isSimulated(client: KubeClient): Promise<boolean> {
  const planes = await client.list({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    namespace: istioNamespace,
    labelSelector: 'app=istiod',
  })
  const states = await Promise.all(planes.map(plane => readRollout(client, refOf(plane))))
  return states.some(({ simulated }) => simulated)
}

const peerAuthentication = { apiVersion: 'security.istio.io/v1', kind: 'PeerAuthentication' }

async function strictFinding(client: KubeClient, again: string): Promise<Finding> {
  const all = await client.list(peerAuthentication)
  const ofMesh = all.find(
    ({ metadata }) => metadata.namespace === istioNamespace && metadata.name === 'default',
  )
  if (ofMesh === undefined || modeOf(ofMesh) !== 'STRICT') {
    return fail(`the mesh takes ${ofMesh === undefined ? 'both' : modeOf(ofMesh)}`, [again])
  }
  const looser = all.filter(object => !['STRICT', 'UNSET'].includes(modeOf(object)))
  return looser.length === 0
    ? pass('STRICT, everywhere')
    : {
        status: 'warn',
        detail: looser.map(object => `${describeRef(refOf(object))}: ${modeOf(object)}`).join('\n'),
      }
}

function modeOf({ spec }: KubeObject): string {
  const mtls = typeof spec === 'object' && spec !== null && 'mtls' in spec ? spec.mtls : undefined
  const mode = typeof mtls === 'object' && mtls !== null && 'mode' in mtls ? mtls.mode : undefined
  return typeof mode === 'string' ? mode : 'UNSET'
}

async function certificatesFinding(client: KubeClient, again: string): Promise<Finding> {
  const secret = async (name: string) =>
    secretValues(await client.get({ apiVersion: 'v1', kind: 'Secret', name, namespace: istioNamespace }))
  const [authority, gateway] = await Promise.all([secret(authoritySecret.name), secret(gatewayTls.name)])
  const now = new Date()
  const authorities = authorityDays(authority, now)
  const shown = readCertificate(gateway['tls.crt'] ?? '')
  if (authorities === undefined) return fail('the cluster has no authority of the mesh', [again])
  if (shown === undefined) return fail('the gateway has no certificate', [again])
  const days = daysUntil(shown.endsAt, now)
  const detail = `days left: gateway ${days}, the cluster’s authority ${authorities.own}, the mesh’s root ${authorities.root}`
  if (days <= 0 || authorities.own <= 0 || authorities.root <= 0) return fail(detail, [again])
  return days <= certificateReserveDays || authorities.isLate
    ? { status: 'warn', detail, remedy: [again] }
    : pass(detail)
}
