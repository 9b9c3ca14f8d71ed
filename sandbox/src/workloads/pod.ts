import * as z from 'zod'

/** The parts of the core/v1 API that the node agent acts on; everything else passes it by. */
const quantity = z.union([z.string(), z.number()])
const keyRef = z.looseObject({
  name: z.string().default(''),
  key: z.string(),
  optional: z.boolean().default(false),
})
const fieldRef = z.looseObject({ fieldPath: z.string() })
const resourceFieldRef = z.looseObject({
  resource: z.string(),
  containerName: z.string().optional(),
  divisor: quantity.optional(),
})
const envVar = z.looseObject({
  name: z.string(),
  value: z.string().optional(),
  valueFrom: z
    .looseObject({
      configMapKeyRef: keyRef.optional(),
      secretKeyRef: keyRef.optional(),
      fieldRef: fieldRef.optional(),
      resourceFieldRef: resourceFieldRef.optional(),
    })
    .optional(),
})
const objectRef = z.looseObject({ name: z.string().default(''), optional: z.boolean().default(false) })
const port = z.union([z.int(), z.string()])
const handler = z.looseObject({
  exec: z.looseObject({ command: z.array(z.string()).default([]) }).optional(),
  httpGet: z
    .looseObject({
      path: z.string().default('/'),
      port,
      host: z.string().optional(),
      scheme: z.enum(['HTTP', 'HTTPS']).default('HTTP'),
      httpHeaders: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
    })
    .optional(),
  tcpSocket: z.looseObject({ port, host: z.string().optional() }).optional(),
  grpc: z.looseObject({ port: z.int(), service: z.string().default('') }).optional(),
  sleep: z.looseObject({ seconds: z.int() }).optional(),
})
export type Handler = z.output<typeof handler>
export const probeSchema = handler.extend({
  initialDelaySeconds: z.int().default(0),
  timeoutSeconds: z.int().default(1),
  periodSeconds: z.int().default(10),
  successThreshold: z.int().default(1),
  failureThreshold: z.int().default(3),
  terminationGracePeriodSeconds: z.int().optional(),
})
export type Probe = z.output<typeof probeSchema>
const securityContext = z.looseObject({
  runAsUser: z.int().optional(),
  runAsGroup: z.int().optional(),
  runAsNonRoot: z.boolean().optional(),
  readOnlyRootFilesystem: z.boolean().optional(),
  /** Of pods only. */
  sysctls: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
})
const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  imagePullPolicy: z.string().optional(),
  command: z.array(z.string()).default([]),
  args: z.array(z.string()).default([]),
  workingDir: z.string().optional(),
  env: z.array(envVar).default([]),
  envFrom: z
    .array(
      z.looseObject({
        prefix: z.string().default(''),
        configMapRef: objectRef.optional(),
        secretRef: objectRef.optional(),
      }),
    )
    .default([]),
  ports: z.array(z.looseObject({ name: z.string().optional(), containerPort: z.int() })).default([]),
  resources: z
    .looseObject({
      limits: z.record(z.string(), quantity).default({}),
      requests: z.record(z.string(), quantity).default({}),
    })
    .default({ limits: {}, requests: {} }),
  volumeMounts: z
    .array(
      z.looseObject({
        name: z.string(),
        mountPath: z.string(),
        readOnly: z.boolean().default(false),
        subPath: z.string().default(''),
      }),
    )
    .default([]),
  startupProbe: probeSchema.optional(),
  readinessProbe: probeSchema.optional(),
  livenessProbe: probeSchema.optional(),
  lifecycle: z.looseObject({ preStop: handler.optional(), postStart: handler.optional() }).optional(),
  securityContext: securityContext.optional(),
  /** Of init containers: `Always` makes one a sidecar. */
  restartPolicy: z.string().optional(),
})
export type Container = z.output<typeof container>

const items = z
  .array(z.looseObject({ key: z.string(), path: z.string(), mode: z.int().optional() }))
  .optional()
const configMapSource = z.looseObject({
  name: z.string().default(''),
  items,
  optional: z.boolean().default(false),
})
const downwardItems = z
  .array(
    z.looseObject({
      path: z.string(),
      fieldRef: fieldRef.optional(),
      resourceFieldRef: resourceFieldRef.optional(),
    }),
  )
  .default([])
const volume = z.looseObject({
  name: z.string(),
  emptyDir: z.looseObject({}).optional(),
  hostPath: z.looseObject({ path: z.string() }).optional(),
  persistentVolumeClaim: z
    .looseObject({ claimName: z.string(), readOnly: z.boolean().default(false) })
    .optional(),
  configMap: configMapSource.optional(),
  secret: z
    .looseObject({ secretName: z.string().default(''), items, optional: z.boolean().default(false) })
    .optional(),
  downwardAPI: z.looseObject({ items: downwardItems }).optional(),
  projected: z
    .looseObject({
      sources: z
        .array(
          z.looseObject({
            configMap: configMapSource.optional(),
            secret: configMapSource.optional(),
            downwardAPI: z.looseObject({ items: downwardItems }).optional(),
            serviceAccountToken: z
              .looseObject({
                audience: z.string().optional(),
                expirationSeconds: z.int().default(3600),
                path: z.string(),
              })
              .optional(),
          }),
        )
        .default([]),
    })
    .optional(),
})
export type Volume = z.output<typeof volume>

export const podSchema = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string(),
    uid: z.string(),
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
    deletionTimestamp: z.string().optional(),
    deletionGracePeriodSeconds: z.int().optional(),
    resourceVersion: z.string().default(''),
  }),
  spec: z.looseObject({
    nodeName: z.string().default(''),
    hostname: z.string().optional(),
    subdomain: z.string().optional(),
    serviceAccountName: z.string().default('default'),
    restartPolicy: z.enum(['Always', 'OnFailure', 'Never']).default('Always'),
    terminationGracePeriodSeconds: z.int().default(30),
    enableServiceLinks: z.boolean().default(true),
    hostAliases: z
      .array(z.looseObject({ ip: z.string(), hostnames: z.array(z.string()).default([]) }))
      .default([]),
    securityContext: securityContext.optional(),
    readinessGates: z.array(z.looseObject({ conditionType: z.string() })).default([]),
    initContainers: z.array(container).default([]),
    containers: z.array(container),
    volumes: z.array(volume).default([]),
  }),
  status: z
    .looseObject({
      phase: z.string().default('Pending'),
      podIP: z.string().optional(),
      conditions: z
        .array(
          z.looseObject({ type: z.string(), status: z.string(), lastTransitionTime: z.string().nullish() }),
        )
        .default([]),
    })
    .default({ phase: 'Pending', conditions: [] }),
})
export type Pod = z.output<typeof podSchema>

export function podKey(pod: Pod): string {
  return `${pod.metadata.namespace}/${pod.metadata.name}`
}

/** A mistake in the pod that the kubelet tells as the reason why a container waits. */
export class ContainerProblem extends Error {
  readonly reason: 'CreateContainerConfigError' | 'CreateContainerError' | 'ErrImagePull' | 'InvalidImageName'
  constructor(reason: ContainerProblem['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}
