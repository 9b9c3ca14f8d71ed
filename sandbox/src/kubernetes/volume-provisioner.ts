import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { watchAll } from '../workloads/watched.ts'
import type { ApiClient } from './api-client.ts'

/** The drivers of each cloud's disks and shares. What asks for another one waits, as it would in the cloud. */
const drivers: Readonly<Record<string, readonly string[]>> = {
  aws: ['ebs.csi.aws.com', 'ebs.csi.eks.amazonaws.com', 'efs.csi.aws.com'],
  gcp: ['pd.csi.storage.gke.io', 'filestore.csi.storage.gke.io'],
  azure: ['disk.csi.azure.com', 'file.csi.azure.com'],
}

export interface VolumeProvisioner {
  close(): void
}

interface VolumeProvisionerOptions {
  /** `<cloud>/<cluster>` */
  readonly key: string
  /** Absolute, of this cluster's volumes alone. */
  readonly folder: string
  readonly client: ApiClient
  log(message: string): void
}

const annotated = z.looseObject({
  name: z.string(),
  namespace: z.string().default(''),
  uid: z.string(),
  annotations: z.record(z.string(), z.string()).default({}),
})
const claimSchema = z.looseObject({
  metadata: annotated,
  spec: z.looseObject({
    volumeName: z.string().default(''),
    storageClassName: z.string().default(''),
    accessModes: z.array(z.string()).default([]),
    volumeMode: z.string().default('Filesystem'),
    resources: z.looseObject({
      requests: z.looseObject({ storage: z.union([z.string(), z.number()]) }),
    }),
  }),
})
const volumeSchema = z.looseObject({
  metadata: annotated,
  spec: z.looseObject({ persistentVolumeReclaimPolicy: z.string().default('Retain') }),
  status: z.looseObject({ phase: z.string().default('') }).default({ phase: '' }),
})
const classSchema = z.looseObject({ reclaimPolicy: z.string().default('Delete') })

/**
 * Stands for a cloud's storage drivers: a claim that the cluster's own controller wants provisioned gets a folder of
 * this machine as its volume, which goes as the class's reclaim policy says. Sizes are told, not enforced.
 */
export function startVolumeProvisioner(options: VolumeProvisionerOptions): VolumeProvisioner {
  const { client, folder } = options
  const [cloud = ''] = options.key.split('/')
  const ending = new AbortController()
  const log = (message: string) => options.log(`${options.key}: ${message}`)
  const isOurs = (provisioner: string | undefined) =>
    provisioner !== undefined && drivers[cloud]?.includes(provisioner) === true

  async function provision(object: unknown): Promise<void> {
    const { metadata, spec } = claimSchema.parse(object)
    // The controller's own word that the claim is to be provisioned now: its class is known, and its pod's node.
    const provisioner = metadata.annotations['volume.kubernetes.io/storage-provisioner']
    if (provisioner === undefined || !isOurs(provisioner) || spec.volumeName !== '') return
    const storageClass = classSchema.parse(
      await client.call('GET', `/apis/storage.k8s.io/v1/storageclasses/${spec.storageClassName}`),
    )
    const name = `pvc-${metadata.uid}`
    const path = join(folder, name)
    await mkdir(path, { recursive: true, mode: 0o777 })
    const answer = await client.send('POST', '/api/v1/persistentvolumes', {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: {
        name,
        annotations: {
          'pv.kubernetes.io/provisioned-by': provisioner,
          'mlp.dev/simulated': 'a folder of the machine that the sandbox runs on, in place of a disk',
        },
      },
      spec: {
        accessModes: spec.accessModes,
        capacity: { storage: spec.resources.requests.storage },
        claimRef: {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          namespace: metadata.namespace,
          name: metadata.name,
          uid: metadata.uid,
        },
        persistentVolumeReclaimPolicy: storageClass.reclaimPolicy,
        storageClassName: spec.storageClassName,
        volumeMode: spec.volumeMode,
        hostPath: { path, type: 'Directory' },
      },
    })
    if (answer.status >= 300 && answer.status !== 409)
      throw new Error(`persistentvolumes: ${answer.status} ${JSON.stringify(answer.body)}`)
  }

  async function reclaim(object: unknown): Promise<void> {
    const { metadata, spec, status } = volumeSchema.parse(object)
    if (!isOurs(metadata.annotations['pv.kubernetes.io/provisioned-by'])) return
    if (status.phase !== 'Released' || spec.persistentVolumeReclaimPolicy !== 'Delete') return
    await rm(join(folder, metadata.name), { recursive: true, force: true })
    const answer = await client.send('DELETE', `/api/v1/persistentvolumes/${metadata.name}`)
    if (answer.status >= 300 && answer.status !== 404)
      throw new Error(`persistentvolumes/${metadata.name}: ${answer.status}`)
  }

  const follow = (resource: string, act: (object: unknown) => Promise<void>) => {
    /** Asked again as long as the object stays as it is: nothing else would. */
    const tried = new Map<string, unknown>()
    const attempt = (key: string, object: unknown): void => {
      act(object).catch((error: unknown) => {
        if (ending.signal.aborted) return
        log(`${resource} ${key}: ${error instanceof Error ? error.message : String(error)}`)
        setTimeout(() => {
          if (!ending.signal.aborted && tried.get(key) === object) attempt(key, object)
        }, retryMs).unref()
      })
    }
    const onChange = (key: string, object: unknown) => {
      if (object === undefined) tried.delete(key)
      else {
        tried.set(key, object)
        attempt(key, object)
      }
    }
    void watchAll(client, `/api/v1/${resource}`, onChange, () => undefined, ending.signal, log)
  }
  follow('persistentvolumeclaims', provision)
  follow('persistentvolumes', reclaim)
  return { close: () => ending.abort() }
}

const retryMs = 2000
