import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { caPath } from './admission.ts'
import type { Mount } from './containers.ts'
import type { PodFacts } from './environment.ts'
import type { EventRecorder } from './events.ts'
import type { ObjectReader } from './object-reader.ts'
import { type Pod, podKey } from './pod.ts'
import { VolumeProblem, writeVolumes } from './volumes.ts'

const retryMs = 2000
const volumesEveryMs = 60_000

/** Files that every container of a pod gets: its names, its DNS, the certificate authority. */
export async function writeCommonFiles(
  pod: Pod,
  place: { readonly folder: string; readonly ip: string; readonly dns: string; readonly caFile: string },
): Promise<readonly Mount[]> {
  const { metadata, spec } = pod
  const hostname = spec.hostname ?? metadata.name
  const qualified =
    spec.subdomain === undefined
      ? ''
      : `${hostname}.${spec.subdomain}.${metadata.namespace}.svc.cluster.local\t`
  const files = {
    hosts: [
      '# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n',
      `${place.ip}\t${qualified}${hostname}\n`,
      ...spec.hostAliases.map(({ ip, hostnames }) => `${ip}\t${hostnames.join('\t')}\n`),
    ].join(''),
    'resolv.conf': `search ${metadata.namespace}.svc.cluster.local svc.cluster.local cluster.local\nnameserver ${place.dns}\noptions ndots:5\n`,
    hostname: `${hostname}\n`,
  }
  const folder = join(place.folder, 'etc')
  await mkdir(folder, { recursive: true })
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
  const own = Object.keys(files).map(name => ({
    source: join(folder, name),
    target: `/etc/${name}`,
    readOnly: true,
  }))
  return [...own, { source: place.caFile, target: caPath, readOnly: true }]
}

export interface VolumeKeeping {
  readonly folder: string
  readonly facts: PodFacts
  readonly objects: ObjectReader
  readonly events: EventRecorder
  readonly signal: AbortSignal
  log(message: string): void
}

/** Waits until the volumes can be made, and from then on keeps them up to date: ConfigMaps, Secrets and tokens. */
export async function keepVolumes(pod: () => Pod, keeping: VolumeKeeping): Promise<void> {
  const { facts, objects, events, signal, log } = keeping
  const write = () => writeVolumes(pod(), join(keeping.folder, 'volumes'), facts, objects)
  let renewAt: number | undefined
  while (renewAt === undefined) {
    try {
      renewAt = await write()
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (error instanceof VolumeProblem) events.record(pod(), 'Warning', 'FailedMount', message)
      else log(`${podKey(pod())}: volumes: ${message}`)
      await delay(retryMs, undefined, { signal })
    }
  }
  const keep = async (until: number): Promise<never> => {
    let next = until
    for (;;) {
      await delay(Math.max(0, Math.min(next - Date.now(), volumesEveryMs)), undefined, { signal })
      next = await write().catch((error: unknown) => {
        log(`${podKey(pod())}: volumes: ${String(error)}`)
        return Date.now() + retryMs
      })
    }
  }
  if (pod().spec.volumes.length > 0) keep(renewAt).catch(() => undefined)
}
