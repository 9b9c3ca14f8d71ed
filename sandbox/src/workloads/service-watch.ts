import * as z from 'zod'
import type { ApiClient } from '../kubernetes/api-client.ts'
import type { Outside } from '../outside/outside.ts'
import type { OutsideTable, ServiceTable } from './network/service-table.ts'
import { watchAll } from './watched.ts'

const serviceSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), namespace: z.string() }),
  spec: z.looseObject({
    type: z.string().default('ClusterIP'),
    clusterIP: z.string().default(''),
    publishNotReadyAddresses: z.boolean().default(false),
    ports: z
      .array(
        z.looseObject({ name: z.string().default(''), port: z.int(), protocol: z.string().default('TCP') }),
      )
      .default([]),
  }),
})
const sliceSchema = z.looseObject({
  metadata: z.looseObject({
    namespace: z.string(),
    labels: z.record(z.string(), z.string()).default({}),
  }),
  addressType: z.string(),
  ports: z
    .array(
      z.looseObject({ name: z.string().nullish(), port: z.int().nullish(), protocol: z.string().nullish() }),
    )
    .nullish(),
  endpoints: z
    .array(
      z.looseObject({
        addresses: z.array(z.string()),
        conditions: z.looseObject({ ready: z.boolean().nullish() }).default({}),
        hostname: z.string().nullish(),
        targetRef: z.looseObject({ name: z.string().default('') }).nullish(),
      }),
    )
    .nullish(),
})
type Service = z.output<typeof serviceSchema>
type Slice = z.output<typeof sliceSchema>

/** Changes that come together are published together. */
const gatherMs = 20

/** Publishes a cluster's Services as kube-proxy and its DNS know them, until the signal ends it. */
export function watchServices(
  client: ApiClient,
  outside: Pick<Outside, 'watch'> & { table(): OutsideTable },
  publish: (table: ServiceTable) => Promise<void>,
  signal: AbortSignal,
  log: (message: string) => void,
): void {
  const services = new Map<string, Service>()
  const slices = new Map<string, Slice>()
  let pending = false
  const changed = () => {
    if (pending) return
    pending = true
    setTimeout(() => {
      pending = false
      if (signal.aborted) return
      publish({
        ...serviceTable([...services.values()], [...slices.values()]),
        outside: outside.table(),
      }).catch((error: unknown) => {
        log(`publishing services: ${error instanceof Error ? error.message : String(error)}`)
        setTimeout(changed, 1000).unref()
      })
    }, gatherMs).unref()
  }
  const keep =
    <T>(map: Map<string, T>, schema: z.ZodType<T>) =>
    (key: string, object: unknown) => {
      if (object === undefined) map.delete(key)
      else map.set(key, schema.parse(object))
      changed()
    }
  outside.watch(changed, signal)
  void watchAll(client, '/api/v1/services', keep(services, serviceSchema), changed, signal, log)
  void watchAll(
    client,
    '/apis/discovery.k8s.io/v1/endpointslices',
    keep(slices, sliceSchema),
    changed,
    signal,
    log,
  )
}

/** https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/ and its kube-proxy's rules. */
function serviceTable(services: readonly Service[], slices: readonly Slice[]): Omit<ServiceTable, 'outside'> {
  const table: Omit<ServiceTable, 'outside'> = { services: [], names: {} }
  for (const { metadata, spec } of services) {
    const name = `${metadata.name}.${metadata.namespace}`
    const own = slices.filter(
      slice =>
        slice.addressType === 'IPv4' &&
        slice.metadata.namespace === metadata.namespace &&
        slice.metadata.labels['kubernetes.io/service-name'] === metadata.name,
    )
    const ready = own.map(slice => ({
      ports: slice.ports ?? [],
      endpoints: (slice.endpoints ?? []).filter(
        endpoint => spec.publishNotReadyAddresses || endpoint.conditions.ready !== false,
      ),
    }))
    if (spec.clusterIP === 'None') {
      const endpoints = ready.flatMap(slice => slice.endpoints)
      table.names[name] = endpoints.flatMap(endpoint => endpoint.addresses)
      for (const { hostname, addresses } of endpoints)
        if (hostname != null) table.names[`${hostname}.${name}`] = addresses
      continue
    }
    if (!/^\d/.test(spec.clusterIP)) continue
    table.names[name] = [spec.clusterIP]
    // The cluster's API has no endpoints; it is outside of the network.
    if (name === 'kubernetes.default') continue
    for (const port of spec.ports) {
      if (port.protocol !== 'TCP' && port.protocol !== 'UDP') continue
      const targets = ready.flatMap(slice => {
        const target = slice.ports.find(
          one => (one.name ?? '') === port.name && (one.protocol ?? 'TCP') === port.protocol,
        )?.port
        return target == null
          ? []
          : slice.endpoints.flatMap(endpoint =>
              endpoint.addresses.map(address => ({ address, port: target })),
            )
      })
      table.services.push({ address: spec.clusterIP, port: port.port, protocol: port.protocol, targets })
    }
  }
  return table
}
