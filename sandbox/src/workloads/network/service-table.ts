import * as z from 'zod'

/** What the network has to know of the cluster's Services. */
export const serviceTableSchema = z.object({
  /** Every ClusterIP and port with the ready pods behind it; none: connections are refused, as kube-proxy does. */
  services: z.array(
    z.object({
      address: z.string(),
      port: z.int(),
      targets: z.array(z.object({ address: z.string(), port: z.int() })),
    }),
  ),
  /** `<service>.<namespace>` and, of headless ones, `<pod>.<service>.<namespace>`: its addresses. */
  names: z.record(z.string(), z.array(z.string())),
})

export type ServiceTable = z.infer<typeof serviceTableSchema>
