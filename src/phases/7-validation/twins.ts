import * as z from 'zod'
import type { Json } from '../../engine/json.ts'
import type { KubeObject } from '../../kube/objects.ts'

/*
 * Pods of the tests' own, made like those that are deployed: the same image, identity and settings, but with a
 * configuration, keys and limits that may be tested without anybody noticing.
 */

const envSchema = z.looseObject({ name: z.string(), valueFrom: z.looseObject({}).optional() })
const containerSchema = z.looseObject({
  name: z.string(),
  image: z.string(),
  env: z.array(envSchema).default([]),
  volumeMounts: z.array(z.looseObject({ name: z.string() })).default([]),
})
const templateSchema = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({
      metadata: z.looseObject({ labels: z.record(z.string(), z.string()).default({}) }),
      spec: z.looseObject({
        containers: z.tuple([containerSchema], containerSchema),
        volumes: z.array(z.looseObject({ name: z.string() })).default([]),
      }),
    }),
  }),
})

interface TwinOptions {
  readonly name: string
  readonly namespace: string
  /** In place of, or beside, the variables of the first container. */
  readonly env?: Readonly<Record<string, string>>
  /** Volumes of these names are these instead. */
  readonly volumes?: Readonly<Record<string, Json>>
}

/** Enough to come up; a node of a small cluster has room for it. */
const resources = { requests: { cpu: '10m', memory: '64Mi' }, limits: { cpu: '1', memory: '512Mi' } }

/** A Deployment of one such pod, found by label `app` under its own name, so that no Service of the platform finds it. */
export function twinDeployment(live: KubeObject, options: TwinOptions): KubeObject {
  const { name, namespace } = options
  const { template } = templateSchema.parse(live).spec
  const { topologySpreadConstraints: _, ...spec } = template.spec
  const [service, ...rest] = spec.containers
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: z.json().parse({
      replicas: 1,
      revisionHistoryLimit: 0,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: {
          // Not what monitors and the platform's Services select by; the identity's own labels stay.
          labels: { ...withoutNames(template.metadata.labels), app: name, 'app.kubernetes.io/name': name },
        },
        spec: {
          ...spec,
          containers: [
            {
              ...service,
              env: [
                ...service.env.filter(each => options.env?.[each.name] === undefined),
                ...Object.entries(options.env ?? {}).map(([key, value]) => ({ name: key, value })),
              ],
              resources,
              readinessProbe: quick(service['readinessProbe']),
              startupProbe: quick(service['startupProbe']),
            },
            ...rest,
          ],
          volumes: spec.volumes.map(volume =>
            options.volumes?.[volume.name] === undefined
              ? volume
              : { name: volume.name, ...z.looseObject({}).parse(options.volumes[volume.name]) },
          ),
        },
      },
    }),
  }
}

interface JobOptions {
  readonly name: string
  readonly namespace: string
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly files?: { readonly configMap: string; readonly path: string }
}

/** A Job of one pod with the service's image and identity, and none of its secrets. */
export function twinJob(live: KubeObject, options: JobOptions): KubeObject {
  const { name, namespace, files } = options
  const { template } = templateSchema.parse(live).spec
  const [service] = template.spec.containers
  const { topologySpreadConstraints: _, ...spec } = template.spec
  const tmp = spec.volumes.filter(volume => volume.name === 'tmp')
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace },
    spec: z.json().parse({
      backoffLimit: 1,
      activeDeadlineSeconds: 300,
      template: {
        metadata: {
          labels: { ...withoutNames(template.metadata.labels), app: name, 'app.kubernetes.io/name': name },
          // It asks nobody in the mesh.
          annotations: { 'sidecar.istio.io/inject': 'false' },
        },
        spec: {
          ...spec,
          restartPolicy: 'Never',
          containers: [
            {
              name: 'objects',
              image: service.image,
              command: options.command,
              env: [
                ...service.env.filter(
                  each => each.valueFrom === undefined && !each.name.startsWith('DATABASE_'),
                ),
                ...Object.entries(options.env).map(([key, value]) => ({ name: key, value })),
              ],
              resources,
              securityContext: service['securityContext'],
              volumeMounts: [
                ...service.volumeMounts.filter(mount => mount.name === 'tmp'),
                ...(files === undefined ? [] : [{ name: 'files', mountPath: files.path, readOnly: true }]),
              ],
            },
          ],
          volumes: [
            ...tmp,
            ...(files === undefined ? [] : [{ name: 'files', configMap: { name: files.configMap } }]),
          ],
        },
      },
    }),
  }
}

function withoutNames(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { app: _, version: __, ...rest } = labels
  return rest
}

/** The probe, without waiting first. */
function quick(probe: unknown): unknown {
  const parsed = z.looseObject({}).safeParse(probe)
  return parsed.success
    ? { ...parsed.data, initialDelaySeconds: 0, periodSeconds: 1, failureThreshold: 300 }
    : undefined
}
