import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import type { ApiClient } from '../kubernetes/api-client.ts'

const retryMs = 1000
const metadata = z.looseObject({ name: z.string(), namespace: z.string().default('') })
const listSchema = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string() }),
  items: z.array(z.looseObject({ metadata })),
})
const eventSchema = z.looseObject({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.looseObject({ metadata: z.looseObject({}).optional() }),
})

/**
 * Tells each object of a collection when it appears, changes and goes (undefined), for as long as the signal allows.
 * Whatever breaks, it looks again; what went meanwhile is told then. `onSynced` follows each complete look.
 */
export async function watchAll(
  client: ApiClient,
  path: string,
  onChange: (key: string, object: unknown) => void,
  onSynced: () => void,
  signal: AbortSignal,
  log: (message: string) => void,
): Promise<void> {
  const known = new Set<string>()
  const tell = (key: string, object: unknown) => {
    if (object === undefined) known.delete(key)
    else known.add(key)
    onChange(key, object)
  }
  while (!signal.aborted) {
    try {
      const list = listSchema.parse(await client.call('GET', path))
      const present = new Map(list.items.map(item => [keyOf(item.metadata), item]))
      for (const key of [...known]) if (!present.has(key)) tell(key, undefined)
      for (const [key, item] of present) tell(key, item)
      onSynced()
      const from = new URLSearchParams({ watch: 'true', resourceVersion: list.metadata.resourceVersion })
      for await (const line of client.lines(`${path}${path.includes('?') ? '&' : '?'}${from}`, signal)) {
        const { type, object } = eventSchema.parse(JSON.parse(line))
        if (type === 'ERROR') break
        if (type !== 'BOOKMARK') {
          const key = keyOf(metadata.parse(object.metadata))
          tell(key, type === 'DELETED' ? undefined : object)
        }
      }
    } catch (error) {
      if (!signal.aborted) log(`watching ${path}: ${error instanceof Error ? error.message : String(error)}`)
    }
    await delay(retryMs, undefined, { signal }).catch(() => undefined)
  }
}

function keyOf({ namespace, name }: z.infer<typeof metadata>): string {
  return `${namespace}/${name}`
}
