import * as z from 'zod'
import type { GatewayAddress } from '../../clouds/dns.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { KubeObject, ObjectRef } from '../../kube/objects.ts'
import { istioNamespace } from './mesh.ts'

export const gatewayName = 'istio-ingressgateway'
export const gatewayService: ObjectRef = {
  apiVersion: 'v1',
  kind: 'Service',
  name: gatewayName,
  namespace: istioNamespace,
}
/** Clouds take some minutes for a load balancer. */
const addressTimeoutMs = 600_000

const serviceSchema = z.looseObject({
  status: z.looseObject({
    loadBalancer: z
      .looseObject({
        ingress: z
          .array(z.looseObject({ ip: z.string().optional(), hostname: z.string().optional() }))
          .default([]),
      })
      .prefault({}),
  }),
})

/** Where clients find the gateway; undefined while its load balancer is being made. */
export function gatewayAddress(service: KubeObject | undefined): GatewayAddress | undefined {
  const [first] = serviceSchema.safeParse(service).data?.status.loadBalancer.ingress ?? []
  if (first?.hostname !== undefined) return { kind: 'hostname', value: first.hostname.toLowerCase() }
  return first?.ip === undefined ? undefined : { kind: 'ip', value: first.ip }
}

export async function waitForGatewayAddress(client: KubeClient): Promise<GatewayAddress | undefined> {
  const service = await client.waitFor(gatewayService, {
    what: 'the address of the gateway’s load balancer',
    timeoutMs: addressTimeoutMs,
    done: seen => seen === undefined || gatewayAddress(seen) !== undefined,
  })
  return gatewayAddress(service)
}
