import * as z from 'zod'
import type { ApiClient } from '../kubernetes/api-client.ts'
import { watchAll } from '../workloads/watched.ts'
import type { BalancedService, LoadBalancers } from './load-balancers.ts'

const serviceSchema = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string(),
    uid: z.string(),
    deletionTimestamp: z.string().optional(),
  }),
  spec: z.looseObject({
    clusterIP: z.string().default(''),
    ports: z.array(z.looseObject({ port: z.int(), protocol: z.string().default('TCP') })).default([]),
  }),
  status: z
    .looseObject({
      loadBalancer: z
        .looseObject({
          ingress: z
            .array(z.looseObject({ ip: z.string().optional(), hostname: z.string().optional() }))
            .default([]),
        })
        .default({ ingress: [] }),
    })
    .default({ loadBalancer: { ingress: [] } }),
})

export interface BalancedCluster {
  /** `<cloud>/<cluster>` */
  readonly key: string
  /** AWS' names of load balancers have it. */
  region(): string
  readonly client: ApiClient
  readonly balancers: LoadBalancers
  dial: BalancedService['dial']
  log(message: string): void
}

/** What the cloud's service controller does: a load balancer for each Service that wants one, until the signal ends it. */
export function balanceServices(cluster: BalancedCluster, signal: AbortSignal): void {
  const { key, client, balancers, log } = cluster
  const known = new Map<string, string>()
  /** One change after the other, so that the last one told is the one that stays. */
  let turn: Promise<void> = Promise.resolve()
  const forget = (name: string) => {
    const uid = known.get(name)
    known.delete(name)
    if (uid !== undefined) balancers.remove(uid)
  }
  async function changed(name: string, object: unknown): Promise<void> {
    if (object === undefined) return forget(name)
    const { metadata, spec, status } = serviceSchema.parse(object)
    if (known.get(name) !== undefined && known.get(name) !== metadata.uid) forget(name)
    if (!/^\d/.test(spec.clusterIP)) return
    known.set(name, metadata.uid)
    const { address, hostname } = await balancers.put(
      {
        ...{ uid: metadata.uid, cluster: key, clusterIp: spec.clusterIP, dial: cluster.dial },
        ports: spec.ports.filter(({ protocol }) => protocol === 'TCP').map(({ port }) => port),
      },
      cluster.region(),
    )
    const [first] = status.loadBalancer.ingress
    if (hostname === undefined ? first?.ip === address : first?.hostname === hostname) return
    await client.apply(
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: metadata.name, namespace: metadata.namespace, uid: metadata.uid },
        status: { loadBalancer: { ingress: [hostname === undefined ? { ip: address } : { hostname }] } },
      },
      'status',
    )
  }
  void watchAll(
    client,
    '/api/v1/services?fieldSelector=spec.type%3DLoadBalancer',
    (name, object) => {
      turn = turn
        .then(() => changed(name, object))
        .catch((error: unknown) => {
          if (!signal.aborted)
            log(`${key}: load balancer of ${name}: ${error instanceof Error ? error.message : String(error)}`)
        })
    },
    () => {},
    signal,
    log,
  )
}
