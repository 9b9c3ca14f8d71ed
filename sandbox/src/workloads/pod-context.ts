import type { Mount } from './containers.ts'
import type { PodFacts } from './environment.ts'
import type { EventRecorder } from './events.ts'
import type { ImageSource } from './image-source.ts'
import type { ObjectReader } from './object-reader.ts'
import type { Pod } from './pod.ts'
import type { ProbeTarget } from './probes.ts'

/** What a container needs of its pod. */
export interface PodContext {
  /** As the API has it now. */
  pod(): Pod
  readonly facts: PodFacts
  readonly folder: string
  readonly images: ImageSource
  readonly objects: ObjectReader
  readonly events: EventRecorder
  readonly network: Pick<ProbeTarget, 'dial'> & { holder(): number }
  /** Files that every container of the pod gets: /etc/hosts, /etc/resolv.conf, /etc/hostname. */
  readonly commonMounts: readonly Mount[]
  readonly serviceEnvironment: Readonly<Record<string, string>>
  timeScale(): number
  /** Keeps and reports what is new. */
  changed(): void
  log(message: string): void
}
