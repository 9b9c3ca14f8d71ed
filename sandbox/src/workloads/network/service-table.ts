import * as z from 'zod'

/** What lies outside of the cluster: unix sockets, under the addresses and names that pods know them by. */
const outsideTableSchema = z.object({
  endpoints: z.array(
    z.object({
      address: z.string(),
      port: z.int(),
      socket: z.string(),
      /** Who asks is told first, in a line of the PROXY protocol. */
      tellsSource: z.boolean(),
    }),
  ),
  /** Whole names. */
  names: z.record(z.string(), z.string()),
  /** Ends of names, with their dot. */
  suffixes: z.array(z.object({ suffix: z.string(), address: z.string() })),
})
export type OutsideTable = z.infer<typeof outsideTableSchema>

/** What the network has to know of the cluster's Services. */
export const serviceTableSchema = z.object({
  /** Every ClusterIP and port with the ready pods behind it; none: connections are refused, as kube-proxy does. */
  services: z.array(
    z.object({
      address: z.string(),
      port: z.int(),
      protocol: z.enum(['TCP', 'UDP']),
      targets: z.array(z.object({ address: z.string(), port: z.int() })),
    }),
  ),
  /** `<service>.<namespace>` and, of headless ones, `<pod>.<service>.<namespace>`: its addresses. */
  names: z.record(z.string(), z.array(z.string())),
  outside: outsideTableSchema,
})

export type ServiceTable = z.infer<typeof serviceTableSchema>
