import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { addressAt } from '../addresses.ts'
import type { ApiClient } from '../kubernetes/api-client.ts'
import type { ProcessSupervisor } from '../kubernetes/process-supervisor.ts'
import { createEventRecorder } from './events.ts'
import type { ImageSource } from './image-source.ts'
import { keepNodeLogs, nodeLogsPath } from './kubelet/node-logs.ts'
import { endContainers } from './leftovers.ts'
import { openPrivateNetwork, type PrivateNetwork } from './network/private-network.ts'
import { createObjectReader } from './object-reader.ts'
import { type Pod, podKey, podSchema } from './pod.ts'
import { readPodRecord } from './pod-record.ts'
import { type PodWorker, startPodWorker } from './pod-worker.ts'
import type { Recipe } from './recipes/recipe.ts'
import { findRecipe } from './recipes/recipes.ts'
import { withOwnProbes } from './rewritten-probes.ts'
import { watchServices } from './service-watch.ts'
import { watchAll } from './watched.ts'

export interface NodeAgentOptions {
  /** `<cloud>/<cluster>` */
  readonly key: string
  /** Absolute folder of everything the sandbox keeps. */
  readonly home: string
  readonly networkSocket: string
  readonly serviceCidr: string
  readonly client: ApiClient
  readonly processes: ProcessSupervisor
  readonly images: ImageSource
  /** Regular expression of the images that really run. */
  readonly localImages: string
  /** How images from elsewhere are put together. */
  readonly recipes: readonly Recipe[]
  /** What lies outside of the cluster and is reached from inside. */
  readonly outside: Parameters<typeof watchServices>[1]
  /** What the cloud's admission webhook adds to a pod. */
  admit(pod: Pod): Promise<Pod>
  /** PEM file of the certificate authority that stands for the public ones. */
  readonly caFile: string
  timeScale(): number
  log(message: string): void
}

export interface NodeAgent {
  /** The pod's worker by namespace and name, when it runs here. */
  worker(namespace: string, name: string): PodWorker | undefined
  /** The same by its address. */
  workerAt(address: string): PodWorker | undefined
  /** A TCP connection from the cluster's network; throws while no pod has needed one. */
  dial: PrivateNetwork['dial']
  /** The InternalIP of a node that this cluster has. */
  hasNode(address: string): Promise<boolean>
  /** Lets go of the pods; they run on for the next daemon. */
  close(): void
  /** Ends their processes and the network; the pods stay, and start again with the cluster. */
  stop(): Promise<void>
}

const nodeSchema = z.looseObject({
  spec: z.looseObject({ podCIDR: z.string().optional() }).default({}),
  status: z.looseObject({
    addresses: z.array(z.looseObject({ type: z.string(), address: z.string() })).default([]),
  }),
})

/**
 * Does for all nodes of a cluster what their kubelets would: runs the pods whose images are in the sandbox's own
 * registries. kwok plays all others. Nothing but a watch exists before the first such pod.
 */
export function startNodeAgent(options: NodeAgentOptions): NodeAgent {
  const { client, key } = options
  const folder = join(options.home, 'workloads', key)
  const ending = new AbortController()
  const { signal } = ending
  const log = (message: string) => options.log(`${key}: ${message}`)
  const isLocal = (image: string) => new RegExp(options.localImages).test(image)
  const objects = createObjectReader(client)
  const events = createEventRecorder(client, log)
  const workers = new Map<string, PodWorker>()
  const dns = addressAt(options.serviceCidr, 10)
  const serviceEnvironment = {
    KUBERNETES_SERVICE_HOST: addressAt(options.serviceCidr, 1),
    KUBERNETES_SERVICE_PORT: '443',
    KUBERNETES_SERVICE_PORT_HTTPS: '443',
  }
  let opening: Promise<PrivateNetwork> | undefined

  function network(): Promise<PrivateNetwork> {
    opening ??= openNetwork().catch(error => {
      opening = undefined
      throw error
    })
    return opening
  }

  async function openNetwork(): Promise<PrivateNetwork> {
    await mkdir(join(folder, 'pods'), { recursive: true, mode: 0o700 })
    const opened = await openPrivateNetwork({
      name: `workloads/${key}`,
      folder,
      socket: options.networkSocket,
      logFile: join(folder, 'network.log'),
      serviceCidr: options.serviceCidr,
      dns,
      processes: options.processes,
    })
    watchServices(client, options.outside, opened.publish, signal, log)
    return opened
  }

  /**
   * From the top of the node's range: kwok gives its pods addresses from the bottom, and again those of any pod that
   * has gone. So one that was given here is not given again before all others were.
   */
  function freeAddress(podCidr: string): string {
    const size = 2 ** (32 - Number(podCidr.split('/')[1] ?? 24))
    const free = Array.from({ length: size - 2 }, (_, index) => addressAt(podCidr, size - 2 - index)).filter(
      address => !reserved.has(address),
    )
    const address = free.find(one => !given.has(one)) ?? free[0]
    if (address === undefined) throw new Error(`no address is free in ${podCidr}`)
    given.add(address)
    return address
  }
  const given = new Set<string>()
  const reserved = new Set<string>()
  /** Pods that an earlier daemon left keep their addresses, before a new pod is given one. */
  const reserving = readdir(join(folder, 'pods'))
    .catch(() => [])
    .then(uids => Promise.all(uids.map(uid => readPodRecord(join(folder, 'pods', uid)))))
    .then(records => {
      for (const record of records) if (record !== undefined) reserved.add(record.ip)
    })

  const nodeFolder = (node: string) => join(folder, 'nodes', node)
  const nodeLogs = keepNodeLogs({ nodeFolder, workers: () => workers.values(), signal, log })

  /** Pods that are being begun, by namespace and name; true when they have changed since. */
  const beginning = new Map<string, boolean>()

  async function begin(pod: Pod): Promise<void> {
    const { uid } = pod.metadata
    const podFolder = join(folder, 'pods', uid)
    const known = await readPodRecord(podFolder)
    const node = nodeSchema.parse(await client.call('GET', `/api/v1/nodes/${pod.spec.nodeName}`))
    const hostIp = node.status.addresses.find(one => one.type === 'InternalIP')?.address
    if (node.spec.podCIDR === undefined || hostIp === undefined)
      throw new Error(`node ${pod.spec.nodeName} has no addresses yet`)
    const opened = await network()
    await reserving
    const ip = known?.ip ?? freeAddress(node.spec.podCIDR)
    reserved.add(ip)
    const admitted = withOwnProbes(await options.admit(pod), isLocal)
    const worker = startPodWorker(admitted, known, {
      caFile: options.caFile,
      ...{ client, objects, events, dns, serviceEnvironment, isLocal, ip, hostIp, log },
      nodeFolder: nodeFolder(pod.spec.nodeName),
      network: opened,
      images: options.images,
      recipe: image => findRecipe(options.recipes, image),
      folder: podFolder,
      timeScale: options.timeScale,
      onGone() {
        reserved.delete(ip)
        if (workers.get(podKey(pod)) === worker) workers.delete(podKey(pod))
      },
    })
    workers.set(podKey(pod), worker)
    if (pod.spec.volumes.some(({ hostPath }) => hostPath?.path === nodeLogsPath))
      nodeLogs.watch(pod.spec.nodeName)
    if (pod.metadata.deletionTimestamp !== undefined) worker.update(pod)
  }

  function changed(name: string, object: unknown): void {
    const pod = object === undefined ? undefined : podSchema.parse(object)
    if (beginning.has(name)) {
      beginning.set(name, true)
      return
    }
    const worker = workers.get(name)
    if (worker !== undefined && worker.pod.metadata.uid === pod?.metadata.uid) {
      worker.update(pod)
      return
    }
    // Another pod of this name, or none: the one that ran here is gone.
    worker?.update(undefined)
    if (pod === undefined || pod.spec.nodeName === '' || isOver(pod)) return
    if (!pod.spec.containers.some(container => isLocal(container.image))) return
    void start(name, pod)
  }

  async function start(name: string, pod: Pod): Promise<void> {
    beginning.set(name, false)
    try {
      await begin(pod)
    } catch (error) {
      log(`${name} does not start: ${error instanceof Error ? error.message : String(error)}`)
      beginning.set(name, true)
      await pause()
    }
    const hasChanged = beginning.get(name) === true
    beginning.delete(name)
    if (hasChanged) await look(name)
  }

  async function look(name: string): Promise<void> {
    const [namespace, pod] = name.split('/')
    while (!signal.aborted) {
      try {
        const answer = await client.send('GET', `/api/v1/namespaces/${namespace}/pods/${pod}`)
        if (answer.status !== 200 && answer.status !== 404) throw new Error(`answer ${answer.status}`)
        changed(name, answer.status === 200 ? answer.body : undefined)
        return
      } catch (error) {
        log(`looking at ${name}: ${error instanceof Error ? error.message : String(error)}`)
        await pause()
      }
    }
  }

  async function pause(): Promise<void> {
    await delay(retryMs, undefined, { signal, ref: false }).catch(() => undefined)
  }

  /** Pods that went while no daemon ran: their processes and folders go too. */
  async function forgetOthers(present: ReadonlySet<string>): Promise<void> {
    const known = await readdir(join(folder, 'pods')).catch(() => [])
    for (const uid of known) {
      if (present.has(uid)) continue
      const record = await readPodRecord(join(folder, 'pods', uid))
      if (record !== undefined) {
        await endContainers(options.home, key, uid)
        await (await network()).disconnect(uid)
      }
      await rm(join(folder, 'pods', uid), { recursive: true, force: true })
    }
  }

  const present = new Set<string>()
  let isFirst = true
  void watchAll(
    client,
    '/api/v1/pods',
    (name, object) => {
      const pod = object === undefined ? undefined : podSchema.parse(object)
      if (isFirst && pod !== undefined) present.add(pod.metadata.uid)
      changed(name, object)
    },
    () => {
      if (!isFirst) return
      isFirst = false
      forgetOthers(present).catch((error: unknown) => log(`forgetting pods: ${String(error)}`))
    },
    signal,
    log,
  )

  /** Whatever of the network was killed comes back, and pods with it. */
  const repairing = setInterval(() => {
    if (opening === undefined || signal.aborted) return
    opening
      .then(async opened => {
        if (!(await opened.repair())) return
        log('the network was gone; its pods start again')
        for (const worker of workers.values()) await worker.networkChanged()
      })
      .catch((error: unknown) => log(`repairing the network: ${String(error)}`))
  }, repairEveryMs)
  repairing.unref()

  return {
    worker: (namespace, name) => workers.get(`${namespace}/${name}`),
    workerAt: address => [...workers.values()].find(({ ip }) => ip === address),
    dial: async (address, port, abort) => (await network()).dial(address, port, abort),
    async hasNode(address) {
      const list = z
        .looseObject({ items: z.array(nodeSchema) })
        .parse(await client.call('GET', '/api/v1/nodes'))
      return list.items.some(node => node.status.addresses.some(one => one.address === address))
    },
    close() {
      ending.abort()
      clearInterval(repairing)
      for (const worker of workers.values()) worker.abandon()
    },
    async stop() {
      this.close()
      await endContainers(options.home, key)
      for (const name of ['services', 'network']) await options.processes.stop(`workloads/${key}/${name}`)
    },
  }
}

const retryMs = 1000
const repairEveryMs = 2000

function isOver(pod: Pod): boolean {
  return (
    (pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') &&
    pod.metadata.deletionTimestamp === undefined
  )
}
