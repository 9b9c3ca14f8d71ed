import { createHash } from 'node:crypto'
import * as z from 'zod'
import { kubeletPort } from '../workloads/kubelet/egress.ts'
import type { NodeSpec } from '../world.ts'
import type { ApiClient } from './api-client.ts'
import { kubernetesRelease } from './versions.ts'

const nodeGroupLabel = 'sandbox.mlp.dev/node-group'

const nodeSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), labels: z.record(z.string(), z.string()).default({}) }),
  spec: z
    .looseObject({ taints: z.array(z.looseObject({ key: z.string() })).default([]) })
    .default({ taints: [] }),
  status: z.looseObject({
    conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]),
    addresses: z.array(z.looseObject({ type: z.string(), address: z.string() })).default([]),
  }),
})
const nodeListSchema = z.looseObject({ items: z.array(nodeSchema) })
type Node = z.infer<typeof nodeSchema>

/**
 * Makes the nodes of one group exactly `wanted`: registers, updates and removes as their kubelets and the cloud's
 * node controller would, and returns once kwok reports all of them Ready.
 */
export async function makeNodes(
  client: ApiClient,
  group: string,
  wanted: readonly NodeSpec[],
  readyTimeoutMs: number,
): Promise<void> {
  const all = await listNodes(client)
  const names = new Set(wanted.map(node => node.name))
  for (const node of all) {
    if (node.metadata.labels[nodeGroupLabel] !== group || names.has(node.metadata.name)) continue
    const answer = await client.send('DELETE', `/api/v1/nodes/${node.metadata.name}`)
    if (answer.status >= 300 && answer.status !== 404) {
      throw new Error(`node ${node.metadata.name} cannot be removed: ${answer.status}`)
    }
  }
  const addresses = new Set(all.map(internalAddress).filter(address => address !== undefined))
  for (const spec of wanted) {
    const existing = all.find(node => node.metadata.name === spec.name)
    const address = (existing && internalAddress(existing)) ?? nodeAddress(spec.name, addresses)
    addresses.add(address)
    await client.apply(nodeObject(spec, group, existing))
    await client.apply(nodeStatus(spec, address), 'status')
  }
  await untilReady(client, names, readyTimeoutMs)
}

async function untilReady(client: ApiClient, names: ReadonlySet<string>, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const ready = (await listNodes(client)).filter(node => names.has(node.metadata.name) && isReady(node))
    if (ready.length === names.size) return
    if (Date.now() > deadline) {
      throw new Error(
        `${names.size - ready.length} of ${names.size} nodes did not become Ready in ${timeoutMs} ms`,
      )
    }
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

async function listNodes(client: ApiClient): Promise<readonly Node[]> {
  return nodeListSchema.parse(await client.call('GET', '/api/v1/nodes')).items
}

/** As the scheduler sees it: the node lifecycle controller takes its not-ready taint away a moment after. */
function isReady(node: Node): boolean {
  if (node.spec.taints.some(taint => taint.key === 'node.kubernetes.io/not-ready')) return false
  return node.status.conditions.some(condition => condition.type === 'Ready' && condition.status === 'True')
}

function internalAddress(node: Node): string | undefined {
  return node.status.addresses.find(address => address.type === 'InternalIP')?.address
}

/** Taints of the node lifecycle controller (not-ready, unreachable) stay, since `taints` is one atomic field. */
function nodeObject(spec: NodeSpec, group: string, existing: Node | undefined): object {
  const lifecycle = (existing?.spec.taints ?? []).filter(taint => taint.key.startsWith('node.kubernetes.io/'))
  const taints = [...spec.taints, ...lifecycle]
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: spec.name,
      labels: {
        'kubernetes.io/hostname': spec.name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        ...spec.labels,
        [nodeGroupLabel]: group,
      },
      // For whoever asks what has an effect here: no kubelet, and no network plugin.
      annotations: { 'mlp.dev/simulated': 'true' },
    },
    spec: { providerID: spec.providerId, ...(taints.length > 0 ? { taints } : {}) },
  }
}

function nodeStatus(spec: NodeSpec, address: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: spec.name },
    status: {
      capacity: spec.capacity,
      allocatable: spec.capacity,
      addresses: [
        { type: 'InternalIP', address },
        { type: 'Hostname', address: spec.name },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
      nodeInfo: {
        architecture: 'amd64',
        bootID: '',
        containerRuntimeVersion: 'kwok://simulated',
        kernelVersion: 'simulated',
        kubeletVersion: kubernetesRelease,
        kubeProxyVersion: '',
        machineID: '',
        operatingSystem: 'linux',
        osImage: 'mlp sandbox (simulated node)',
        systemUUID: createHash('sha256').update(spec.providerId).digest('hex').slice(0, 32),
      },
    },
  }
}

/** EC2 names a node after its address; other clouds' get one of 100.64.0.0/16, the same for the same name where it is free. */
function nodeAddress(name: string, taken: ReadonlySet<string>): string {
  const named = /^ip-(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})(\.|$)/.exec(name)
  if (named !== null) return named.slice(1, 5).join('.')
  const start = createHash('sha256').update(name).digest().readUInt16BE(0)
  for (let offset = 0; offset < 65_536; offset++) {
    const number = (start + offset) % 65_536
    const address = `100.64.${number >> 8}.${number & 0xff}`
    if (!taken.has(address)) return address
  }
  throw new Error('no node address is free')
}
