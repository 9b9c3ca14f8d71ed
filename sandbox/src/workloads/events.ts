import { createHash } from 'node:crypto'
import type { ApiClient } from '../kubernetes/api-client.ts'
import type { Pod } from './pod.ts'

export interface EventRecorder {
  /** An Event about a pod, or about one of its containers; the same one again only counts up. */
  record(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void
}

/** Events as the kubelet makes them; one that cannot be written is logged and lost, as there. */
export function createEventRecorder(client: ApiClient, log: (message: string) => void): EventRecorder {
  const counts = new Map<string, { count: number; first: string }>()
  return {
    record(pod, type, reason, message, container) {
      const { name, namespace, uid, resourceVersion } = pod.metadata
      const fieldPath = container === undefined ? undefined : `spec.containers{${container}}`
      const identity = [uid, type, reason, message, fieldPath].join('\n')
      const suffix = createHash('sha256').update(identity).digest('hex').slice(0, 16)
      const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
      const known = counts.get(suffix) ?? { count: 0, first: now }
      known.count += 1
      counts.set(suffix, known)
      const event = {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: `${name}.${suffix}`, namespace },
        involvedObject: {
          ...{ apiVersion: 'v1', kind: 'Pod', name, namespace, uid, resourceVersion },
          ...(fieldPath === undefined ? {} : { fieldPath }),
        },
        ...{ type, reason, message, count: known.count, firstTimestamp: known.first, lastTimestamp: now },
        source: { component: 'kubelet', host: pod.spec.nodeName },
        reportingComponent: 'kubelet',
        reportingInstance: pod.spec.nodeName,
      }
      const path = `/api/v1/namespaces/${namespace}/events/${event.metadata.name}?fieldManager=kubelet&force=true`
      client.send('PATCH', path, event).then(
        answer => {
          if (answer.status >= 300 && answer.status !== 404)
            log(`event ${reason} of ${namespace}/${name}: ${answer.status}`)
        },
        (error: unknown) => log(`event ${reason} of ${namespace}/${name}: ${String(error)}`),
      )
    },
  }
}
