import { mkdir, rm } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { ApiClient } from '../kubernetes/api-client.ts'
import { type ContainerLoop, startContainerLoop } from './container-loop.ts'
import { killContainer, type Mount } from './containers.ts'
import { endRun } from './end-run.ts'
import type { EventRecorder } from './events.ts'
import type { ImageSource } from './image-source.ts'
import type { PrivateNetwork } from './network/private-network.ts'
import { rulesOf } from './network/redirect.ts'
import type { ObjectReader } from './object-reader.ts'
import { type Container, type Pod, podKey } from './pod.ts'
import type { PodContext } from './pod-context.ts'
import { keepVolumes, writeCommonFiles } from './pod-files.ts'
import { lost, type PodRecord, writePodRecord } from './pod-record.ts'
import { type ContainerRecord, isInitialized, newContainerRecord, podStatus, seconds } from './pod-status.ts'
import type { Recipe } from './recipes/recipe.ts'

const retryMs = 2000

export interface PodWorkerOptions {
  readonly client: ApiClient
  readonly network: PrivateNetwork
  readonly images: ImageSource
  readonly objects: ObjectReader
  readonly events: EventRecorder
  /** Absolute, of this pod alone. */
  readonly folder: string
  readonly ip: string
  readonly hostIp: string
  /** What its node has below its root. */
  readonly nodeFolder: string
  readonly dns: string
  readonly serviceEnvironment: Readonly<Record<string, string>>
  /** PEM file of the certificate authority that stands for the public ones. */
  readonly caFile: string
  /** Of images that really run; a container of another image is only said to run. */
  isLocal(image: string): boolean
  /** How an image from elsewhere is put together here, where it is. */
  recipe(image: string): Recipe | undefined
  timeScale(): number
  /** The pod is gone, here and in the API. */
  onGone(): void
  log(message: string): void
}

export interface PodWorker {
  /** The pod as the API has it now; undefined when it is gone from there. */
  update(pod: Pod | undefined): void
  /** Lets go of everything as it is, for the next daemon. */
  abandon(): void
  /** Its network is gone: connects it anew and starts its containers again on it. */
  networkChanged(): Promise<void>
  loop(container: string): ContainerLoop | undefined
  readonly pod: Pod
  readonly ip: string
  /** A connection to one of its ports, as the kubelet forwards them. */
  dial(port: number): Promise<Duplex>
}

/** One pod on one node: from its network and volumes to its end, as the kubelet's pod worker does it. */
export function startPodWorker(
  first: Pod,
  known: PodRecord | undefined,
  options: PodWorkerOptions,
): PodWorker {
  let pod = first
  const { client, network, folder } = options
  const leaving = new AbortController()
  const { signal } = leaving
  const abandoned = new AbortController()
  const stopping = new AbortController()
  const wanted = AbortSignal.any([signal, stopping.signal])
  const adopted = known !== undefined && known.network === network.holder() ? known : undefined
  const startTime = known?.startTime ?? seconds(new Date())
  const records = new Map<string, ContainerRecord>()
  const loops = new Map<string, ContainerLoop>()
  /** A sidecar takes what comes from outside, and some of these programs listen on localhost alone. */
  const hasProxy = [...pod.spec.initContainers, ...pod.spec.containers].some(
    ({ image }) => options.recipe(image) !== undefined,
  )
  let connected = adopted !== undefined
  let ending: Promise<void> | undefined

  for (const container of [...pod.spec.initContainers, ...pod.spec.containers]) {
    const before = known?.containers[container.name]
    const fresh = newContainerRecord(
      pod.spec.initContainers.length > 0 ? 'PodInitializing' : 'ContainerCreating',
    )
    records.set(container.name, before === undefined ? fresh : adopted === undefined ? lost(before) : before)
  }

  let saving: Promise<void> = Promise.resolve()
  let saveAgain = false
  /** One report at a time; what changes meanwhile is in the next one. */
  function changed(): void {
    if (saveAgain) return
    saveAgain = true
    saving = saving.then(async () => {
      saveAgain = false
      if (signal.aborted) return
      try {
        await writePodRecord(folder, record())
        await report()
      } catch (error) {
        options.log(`${podKey(pod)}: reporting: ${error instanceof Error ? error.message : String(error)}`)
        await delay(retryMs, undefined, { signal }).then(changed, () => undefined)
      }
    })
  }

  function record(): PodRecord {
    const { uid, namespace, name } = pod.metadata
    const containers = Object.fromEntries(records)
    return { uid, namespace, name, ip: options.ip, startTime, network: network.holder(), containers }
  }

  async function report(): Promise<void> {
    const { name, namespace, uid } = pod.metadata
    const status = podStatus(pod, {
      podIp: connected ? options.ip : undefined,
      hostIp: options.hostIp,
      startTime,
      records,
      played: [...pod.spec.initContainers, ...pod.spec.containers]
        .filter(({ image }) => !options.isLocal(image))
        .map(one => one.name),
    })
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/status?fieldManager=kubelet&force=true`
    // The uid keeps a late report from a later pod of the same name.
    const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, uid }, status }
    const answer = await client.send('PATCH', path, body)
    if (answer.status >= 300 && answer.status !== 404 && answer.status !== 409)
      throw new Error(`status: ${answer.status} ${JSON.stringify(answer.body)}`)
  }

  const facts = { podIp: options.ip, hostIp: options.hostIp, nodeFolder: options.nodeFolder }
  const context = (commonMounts: readonly Mount[]): PodContext => ({
    ...{ pod: () => pod, facts, folder, commonMounts, changed },
    ...{ images: options.images, objects: options.objects, events: options.events, network },
    serviceEnvironment: options.serviceEnvironment,
    timeScale: options.timeScale,
    log: options.log,
  })

  async function run(): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writePodRecord(folder, record())
    changed()
    if (adopted === undefined)
      for (const [name, container] of Object.entries(known?.containers ?? {}))
        await endRun(folder, name, container)
    await connect()
    connected = true
    prepare().catch(failed)
    const shared = context(await writeCommonFiles(pod, options))
    await keepVolumes(() => pod, { ...options, facts, signal: wanted })
    for (const container of pod.spec.initContainers) {
      if (ending !== undefined) return
      const why = whyPlayed(container)
      if (why !== undefined) {
        play(container, why, container.restartPolicy !== 'Always')
        changed()
        continue
      }
      const loop = begin(shared, container, true)
      if (container.restartPolicy === 'Always') await untilStarted(container)
      else {
        await loop.ended
        const state = records.get(container.name)
        if (state === undefined || !isInitialized(container, state)) return
      }
    }
    if (ending !== undefined) return
    for (const container of pod.spec.containers) {
      const why = whyPlayed(container)
      if (why === undefined) begin(shared, container, false)
      else play(container, why, options.recipe(container.image)?.ends === true)
    }
    changed()
    const policy = pod.spec.restartPolicy
    if (policy === 'Always') return
    // A pod that runs to its end takes its sidecars with it.
    await Promise.all(pod.spec.containers.map(({ name }) => loops.get(name)?.ended))
    for (const { name } of pod.spec.initContainers)
      await loops.get(name)?.stop(pod.spec.terminationGracePeriodSeconds * 1000)
  }

  /** In vain while the cluster lacks the kinds, or what looks at them does not answer yet; the pod goes on meanwhile. */
  async function prepare(): Promise<void> {
    for (const { image } of pod.spec.containers) {
      const prepared = options.recipe(image)?.prepare
      for (let done = prepared === undefined; !done && prepared !== undefined; ) {
        done = await prepared(pod, client).then(
          () => true,
          () => false,
        )
        if (!done) await delay(retryMs, undefined, { signal: wanted })
      }
    }
  }

  function begin(shared: PodContext, container: Container, isInit: boolean): ContainerLoop {
    const state = records.get(container.name) ?? newContainerRecord('ContainerCreating')
    if ('waiting' in state.state && state.state.waiting.reason === 'PodInitializing')
      state.state = { waiting: { reason: 'ContainerCreating' } }
    records.set(container.name, state)
    const loop = startContainerLoop(shared, container, state, isInit)
    loops.set(container.name, loop)
    return loop
  }

  function whyPlayed(container: Container): string | undefined {
    if (options.isLocal(container.image)) return options.recipe(container.image)?.plays?.(container)
    return `Nothing runs in this container: ${container.image} is not from the sandbox's registries`
  }

  function runs(container: Container): boolean {
    return whyPlayed(container) === undefined
  }

  /** What a CNI plugin does: an address, and for pods of a mesh the way through their proxy. */
  async function connect(): Promise<void> {
    await network.connect(pod.metadata.uid, options.ip, {
      sysctls: pod.spec.securityContext?.sysctls ?? [],
      // Nothing is led through a proxy that does not run.
      rules: rulesOf(
        {
          ...pod,
          spec: {
            ...pod.spec,
            initContainers: pod.spec.initContainers.filter(runs),
            containers: pod.spec.containers.filter(runs),
          },
        },
        pod.spec.containers.some(({ image }) => options.recipe(image) !== undefined),
      ),
    })
  }

  /** What cannot run here is said to, as kwok says of whole pods. */
  function play(container: Container, message: string, hasEnded: boolean): void {
    options.events.record(pod, 'Normal', 'Simulated', message, container.name)
    const state = newContainerRecord('ContainerCreating')
    const startedAt = seconds(new Date())
    state.state = hasEnded
      ? {
          terminated: {
            ...{ exitCode: 0, reason: 'Completed', startedAt, finishedAt: startedAt },
            containerID: `sandbox://${pod.metadata.uid}/${container.name}/0`,
          },
        }
      : { running: { startedAt } }
    state.ready = true
    state.started = !hasEnded
    records.set(container.name, state)
  }

  async function untilStarted(container: Container): Promise<void> {
    while (records.get(container.name)?.started !== true) await delay(50, undefined, { signal: wanted })
  }

  /** Main containers first, then sidecars in the reverse of their order, then everything of the pod. */
  async function end(graceMs: number): Promise<void> {
    const main = pod.spec.containers.map(({ name }) => loops.get(name))
    const init = pod.spec.initContainers.map(({ name }) => loops.get(name)).toReversed()
    stopping.abort()
    await Promise.all(main.map(loop => loop?.stop(graceMs)))
    for (const loop of init) await loop?.stop(graceMs)
    await Promise.all([...main, ...init].map(loop => loop?.ended))
    abandoned.signal.throwIfAborted()
    // Nothing is begun any more, and nothing writes into the folder that goes.
    await running
    await insist('ending what an earlier daemon began', async () => {
      for (const [name, state] of records) if (!loops.has(name)) await endRun(folder, name, state)
    })
    for (const state of records.values())
      if (!('terminated' in state.state)) {
        state.ready = false
        state.started = false
      }
    changed()
    await saving
    leaving.abort()
    await saving
    await insist('removing what it had', remove)
    await insist('deleting it', deleteFromApi)
    options.onGone()
  }

  /** A pod that only its node can end would stay for ever, so what fails is tried until it works or the daemon ends. */
  async function insist(what: string, act: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await act()
      } catch (error) {
        abandoned.signal.throwIfAborted()
        options.log(`${podKey(pod)}: ${what}: ${error instanceof Error ? error.message : String(error)}`)
        await delay(retryMs, undefined, { signal: abandoned.signal })
      }
    }
  }

  async function deleteFromApi(): Promise<void> {
    const { name, namespace, uid } = pod.metadata
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`
    const answer = await client.send('DELETE', path, { gracePeriodSeconds: 0, preconditions: { uid } })
    if (answer.status >= 300 && answer.status !== 404 && answer.status !== 409)
      throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`)
  }

  async function remove(): Promise<void> {
    // With the network itself gone, there is nothing to disconnect from.
    await network
      .disconnect(pod.metadata.uid)
      .catch((error: unknown) => options.log(`${podKey(pod)}: disconnecting: ${String(error)}`))
    await rm(folder, { recursive: true, force: true })
  }

  function failed(error: unknown): void {
    if (!wanted.aborted)
      options.log(
        `${podKey(pod)}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      )
  }
  const running = run().catch(failed)

  return {
    update(now) {
      const before = pod
      // Its spec is as it was admitted.
      pod = (now && { ...now, spec: pod.spec }) ?? {
        ...pod,
        metadata: { ...pod.metadata, deletionTimestamp: seconds(new Date()), deletionGracePeriodSeconds: 0 },
      }
      if (pod.metadata.deletionTimestamp === undefined) return
      const graceSeconds = pod.metadata.deletionGracePeriodSeconds
      const graceMs = (graceSeconds ?? pod.spec.terminationGracePeriodSeconds) * 1000
      // A second, shorter grace period overtakes the first.
      if (ending === undefined) ending = end(graceMs).catch(failed)
      else if (before.metadata.deletionGracePeriodSeconds !== graceSeconds)
        for (const loop of loops.values()) loop.stop(graceMs).catch(failed)
    },
    abandon() {
      abandoned.abort()
      leaving.abort()
      for (const loop of loops.values()) loop.abandon()
    },
    async networkChanged() {
      options.events.record(
        pod,
        'Normal',
        'SandboxChanged',
        'Pod sandbox changed, it will be killed and re-created.',
      )
      await connect()
      for (const state of records.values())
        if (state.process !== undefined) await killContainer(state.process)
    },
    loop: container => loops.get(container),
    get pod() {
      return pod
    },
    ip: options.ip,
    dial: port => (hasProxy ? network.dialInside(pod.metadata.uid, port) : network.dial(options.ip, port)),
  }
}
