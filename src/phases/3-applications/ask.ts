import { setTimeout as delay } from 'node:timers/promises'
import type { KubeClient } from '../../kube/client.ts'
import type { PodAnswer, PodRequest } from '../../kube/port-forward.ts'
import { newestPods } from '../../kube/revisions.ts'
import { rolloutState } from '../../kube/rollout-state.ts'
import { type ApplicationName, deploymentOf } from './applications.ts'

const ports = { 'api-gateway': 8000, 'data-sync': 8081, mlflow: 5000 } as const
/** Which checks talk to. */
type Asked = keyof typeof ports

/** An Iris setosa from Fisher's own table, and what the sample model has to say of it. */
const question = {
  inputs: [{ name: 'measurements', datatype: 'FP32', shape: [1, 4], data: [5.1, 3.5, 1.4, 0.2] }],
  outputs: [{ name: 'species' }],
}
export const rightAnswer = 'setosa'

/** One inference, through the gateway, with the operator's key. */
export function infer(
  client: KubeClient,
  key: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<PodAnswer | 'simulated'> {
  return ask(client, 'api-gateway', {
    method: 'POST',
    path: '/v2/models/iris/infer',
    headers: { 'x-api-key': key, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(question),
  })
}

/** One request to a pod of the newest revision; where a simulator plays it, nobody would answer. */
export async function ask(
  client: KubeClient,
  name: Asked,
  request: PodRequest,
): Promise<PodAnswer | 'simulated'> {
  const newest = await newestOf(client, name)
  if (newest?.simulated === true) return 'simulated'
  const [pod] = newest?.pods ?? []
  const { namespace } = deploymentOf(name)
  return client.askPod({ namespace, pod: pod?.metadata.name ?? name, port: ports[name] }, request)
}

/** How long a service that is busy, or asks something that is, may take until it says that it is ready. */
const readyWithinMs = 15_000
const betweenAsksMs = 500

/**
 * Asks for `/ready` until it is no "not now" (503) any more; the last answer when it stays one. A service gives what it
 * needs less than a second, as a kubelet asks of it, so that one slow answer says nothing yet.
 */
export async function untilReady(
  askOnce: () => Promise<PodAnswer | 'simulated'>,
  { signal, withinMs = readyWithinMs }: { readonly signal: AbortSignal; readonly withinMs?: number },
): Promise<PodAnswer | 'simulated'> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const answered = await askOnce()
    if (answered === 'simulated' || answered.status !== 503 || performance.now() >= deadline) return answered
    await delay(betweenAsksMs, undefined, { signal })
  }
}

/** The pods of the newest revision, and whether a simulator plays them; undefined where there is no Deployment. */
export async function newestOf(client: KubeClient, name: ApplicationName) {
  const deployment = await client.get(deploymentOf(name))
  if (deployment === undefined) return undefined
  const pods = await newestPods(client, deployment)
  return { pods, simulated: rolloutState(deployment, pods).simulated }
}
