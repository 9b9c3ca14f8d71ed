import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import { configuredClouds } from '../../config/configured-clouds.ts'
import type { Config } from '../../config/schema.ts'
import type { Finding } from '../../engine/check.ts'
import { MlpError } from '../../engine/errors.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { KubeObject } from '../../kube/objects.ts'
import { newestPods } from '../../kube/revisions.ts'
import { rolloutState } from '../../kube/rollout-state.ts'
import { fail, pass, simulatedFinding } from '../findings.ts'
import { ingressDeployment } from './gateway-request.ts'
import { istioNamespace, meshNames, otherClouds } from './mesh.ts'

/** Of templates/mesh/cross-cluster.yaml. */
const doorPort = 15_080
/** Every endpoint in the mesh carries it by itself. */
const clusterLabel = 'topology.istio.io/cluster'

const routesSchema = z.looseObject({
  spec: z.looseObject({
    http: z.tuple([
      z.looseObject({
        match: z.tuple([z.looseObject({ uri: z.looseObject({}) })]),
        route: z.tuple([z.looseObject({ destination: z.looseObject({}) })]),
      }),
    ]),
  }),
})
const ruleSchema = z.looseObject({ spec: z.looseObject({}) })

/** The template's one route, once for each other cluster; what has none stays as it is. */
export function withRoutes(object: KubeObject, config: Config, cloud: CloudName): KubeObject {
  if (object.kind !== 'VirtualService') return object
  const { spec } = routesSchema.parse(object)
  const [template] = spec.http
  const [{ destination, ...route }] = template.route
  const clusters = otherClouds(config, cloud).map(other => meshNames(config, other).cluster)
  const http = clusters.map(cluster => ({
    ...template,
    name: cluster,
    match: [{ uri: { exact: `/${cluster}` } }],
    route: [{ ...route, destination: { ...destination, subset: cluster } }],
  }))
  return { ...object, spec: z.json().parse({ ...spec, http }) }
}

/**
 * Where the mesh has other clusters: of api-gateway, what is in each cluster. Its own, too: a call names the subset, and
 * the gateway through which it comes in has to know that name.
 */
export function withSubsets(object: KubeObject, config: Config, cloud: CloudName): KubeObject {
  const isMeant = object.kind === 'DestinationRule' && object.metadata.name === 'api-gateway'
  if (!isMeant || otherClouds(config, cloud).length === 0) return object
  const { spec } = ruleSchema.parse(object)
  const subsets = configuredClouds(config).map(each => {
    const name = meshNames(config, each).cluster
    return { name, labels: { [clusterLabel]: name } }
  })
  return { ...object, spec: z.json().parse({ ...spec, subsets }) }
}

/**
 * One request for each of the other clusters, from this one's gateway: by its proxy's own certificate, through the other
 * cluster's east-west gateway, to api-gateway's pods there, who take nothing but mutual TLS.
 */
export async function askOtherClusters(
  client: KubeClient,
  names: readonly string[],
  again: string,
): Promise<Finding> {
  const deployment = await client.get(ingressDeployment)
  if (deployment === undefined) return fail('there is no gateway to ask from', [again])
  const pods = await newestPods(client, deployment)
  if (rolloutState(deployment, pods).simulated) return simulatedFinding('the gateway')
  const [pod] = pods
  if (pod === undefined) return fail('the gateway has no pod to ask from', [again])
  const to = { namespace: istioNamespace, pod: pod.metadata.name, port: doorPort }
  const problems: string[] = []
  for (const name of names) {
    try {
      const { status, text } = await client.askPod(to, { path: `/${name}` })
      if (status !== 200) problems.push(`${name} is not reached: ${status} ${text.slice(0, 200)}`.trimEnd())
    } catch (error) {
      if (!(error instanceof MlpError)) throw error
      problems.push(`${name} could not be asked for: ${error.detail ?? error.message}`)
    }
  }
  if (problems.length === 0)
    return pass(`from pod ${pod.metadata.name}, api-gateway answers in ${names.join(' and ')}`)
  return fail(problems.join('\n'), [
    again,
    'A load balancer that was just made takes minutes to let anybody through: mlp verify 4 --wait 5m',
  ])
}
