import { setTimeout as delay } from 'node:timers/promises'
import { MlpError } from '../../engine/errors.ts'
import type { KubeClient } from '../../kube/client.ts'
import { type KubeObject, refOf } from '../../kube/objects.ts'
import { describeWorst, findLasting, hasLasted } from '../../kube/pod-trouble.ts'
import { newestPods } from '../../kube/revisions.ts'
import { waitForRollout } from '../../kube/rollout.ts'
import { rolloutState } from '../../kube/rollout-state.ts'
import { kubectlFor } from '../3-applications/roll-out.ts'
import type { Context } from '../phase.ts'
import { ownerLabel } from './mesh.ts'

const pollMs = 1_500
/** Grants and caches take a while to arrive everywhere: what stays wrong for so long will not come right by itself. */
const patienceMs = 90_000

/**
 * istioctl waits for pods without looking at them, and tells at its end which Deployment was not ready, but not why. So
 * they are looked at beside it: what keeps them is told while it does, and an installation that cannot come to an end (an
 * image that nobody can pull, pods that a quota or a webhook refuses) is ended with the reason.
 */
export async function watchInstallation(
  context: Context,
  client: KubeClient,
  meshId: string,
  report: (message: string) => void,
  install: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const over = new AbortController()
  const hopeless = new AbortController()
  const watching = watch(client, meshId, AbortSignal.any([context.signal, over.signal]), report).then(
    stuck => {
      if (stuck) hopeless.abort()
    },
    // Whoever cannot look lets istioctl go on.
    () => undefined,
  )
  try {
    await install(AbortSignal.any([context.signal, hopeless.signal]))
  } catch (error) {
    if (context.signal.aborted) throw error
    const isIstioctls = error instanceof MlpError && error.code === 'MLP2210'
    if (!isIstioctls && !hopeless.signal.aborted) throw error
    throw await podTrouble(context, client, meshId, error)
  } finally {
    over.abort()
    await watching
  }
}

/** True as soon as it is plain that the installation will not come to an end. */
async function watch(
  client: KubeClient,
  meshId: string,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<boolean> {
  let since = new Map<string, number>()
  let looksAt = ''
  // Reasons come and go (a pull and the pause after it): each is told once.
  const told = new Set<string>()
  while (!signal.aborted) {
    // One after the other, as istioctl does: how the next ones are is of an earlier installation.
    const [first] = await unfinished(client, meshId)
    if (first !== undefined) {
      const { name, state } = first
      if (name !== looksAt) since = new Map()
      looksAt = name
      const worst = state.refusedToCreate ?? describeWorst(state.troubles)
      const line = worst === undefined ? '' : `${name}: ${worst}`
      if (line !== '' && !told.has(line)) report(line)
      told.add(line)
      const now = Date.now()
      const refused = state.refusedToCreate !== undefined && hasLasted('refused', since, now, patienceMs)
      if (refused || findLasting(state.troubles, since, now, patienceMs) !== undefined) return true
    }
    await delay(pollMs, undefined, { signal }).catch(() => undefined)
  }
  return false
}

/** istiod before what needs it to come up. */
async function unfinished(client: KubeClient, meshId: string) {
  const found = await deployments(client, meshId)
  const isPlane = ({ metadata }: KubeObject) => metadata.labels?.['app'] === 'istiod'
  const ordered = found.toSorted((one, other) => Number(isPlane(other)) - Number(isPlane(one)))
  const states = await Promise.all(
    ordered.map(async deployment => ({
      name: deployment.metadata.name,
      state: rolloutState(deployment, await newestPods(client, deployment)),
    })),
  )
  return states.filter(({ state }) => !state.done)
}

function deployments(client: KubeClient, meshId: string): Promise<readonly KubeObject[]> {
  return client.list({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    labelSelector: `${ownerLabel}=${meshId}`,
  })
}

/** istioctl only tells which Deployment is not ready; its pods tell why: an image, a webhook, a node without room. */
async function podTrouble(
  context: Context,
  client: KubeClient,
  meshId: string,
  error: unknown,
): Promise<unknown> {
  const options = {
    signal: context.signal,
    report: () => {},
    kubectl: kubectlFor(context, client),
    timeoutMs: 0,
    patienceMs: 0,
  }
  try {
    for (const deployment of await deployments(client, meshId)) {
      await waitForRollout(client, refOf(deployment), options)
    }
    return error
  } catch (trouble) {
    if (!(trouble instanceof MlpError)) return error
    const [said] = trouble.detail?.split('\n') ?? []
    return new MlpError({
      code: trouble.code,
      // The command's own last lines are shown as well, and say nothing of it.
      summary: said === undefined ? trouble.message : `${trouble.message}: ${said}`,
      detail: trouble.detail,
      remedy: trouble.remedy,
      cause: error,
    })
  }
}
