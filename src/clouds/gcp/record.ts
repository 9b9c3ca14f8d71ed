import * as z from 'zod'
import type { RecordStore } from '../../engine/record-store.ts'
import type { GcpPlatform } from './platform.ts'

const written = z.object({ generation: z.string() })

/**
 * Objects below `mlp/` in the state bucket; a generation is the version. Preconditions:
 * https://cloud.google.com/storage/docs/request-preconditions
 */
export function recordStore({ rest, names }: GcpPlatform): RecordStore {
  const bucket = names.stateBucket
  return {
    place: `gs://${bucket}/mlp`,
    async read(name, signal) {
      const path = `/storage/v1/b/${bucket}/o/${encodeURIComponent(`mlp/${name}`)}`
      const found = await rest.text({ service: 'storage', path, query: { alt: 'media' } }, [404], signal)
      const version = String(found.headers['x-goog-generation'] ?? '')
      if (found.status !== 404) return { state: 'found', text: found.body, version }
      // Google says 404 for both.
      const holder = { service: 'storage', path: `/storage/v1/b/${bucket}`, answer: z.object({}) } as const
      return (await rest.find(holder, signal)) === undefined ? { state: 'no-store' } : { state: 'absent' }
    },
    async write(name, text, after, signal) {
      const answer = await rest.text(
        {
          method: 'POST',
          service: 'storage',
          path: `/upload/storage/v1/b/${bucket}/o`,
          query: { uploadType: 'media', name: `mlp/${name}`, ifGenerationMatch: after ?? '0' },
          body: text,
          // On condition of the generation, the second of two equal writes changes nothing.
          isRepeatable: true,
        },
        [412],
        signal,
      )
      return answer.status === 412 ? undefined : written.parse(JSON.parse(answer.body)).generation
    },
  }
}
