import { retry } from '../retry.ts'
import type { StoredObject } from '../stores/store.ts'
import { StoreError } from '../stores/store-error.ts'
import type { CopyContext, CopyResult } from './copy-context.ts'
import { copyInParts } from './copy-in-parts.ts'
import { smallestPartBytes } from './parts.ts'
import { copyAttributes } from './provenance.ts'
import { readWhole } from './read.ts'

/** An object's share of the memory budget beside its content: what a request and its answer take. */
const overheadBytes = 65_536

/**
 * Copies one version of an object to the destinations given by their numbers. It is read once however many there are,
 * and each destination succeeds or fails for itself. Throws only when aborted or when the lease is lost.
 */
export async function copyObject(
  context: CopyContext,
  source: StoredObject,
  targets: readonly number[],
): Promise<readonly CopyResult[]> {
  return source.bytes > smallestPartBytes
    ? await copyInParts(context, source, targets)
    : await copyWhole(context, source, targets)
}

async function copyWhole(
  context: CopyContext,
  source: StoredObject,
  targets: readonly number[],
): Promise<readonly CopyResult[]> {
  const { signal, policy } = context
  const stores = targets.map(target => ({ target, store: context.destination(target) }))
  const needsMd5 = stores.some(({ store }) => store.needsMd5)
  const release = await context.memory.acquire(source.bytes + overheadBytes, signal)
  try {
    const content = await retry(policy, signal, attempt =>
      readWhole(context.source, source, needsMd5, attempt),
    )
    const contentHash = content.digests.sha256.toString('hex')
    const own = source.attributes ?? content.attributes ?? { metadata: {} }
    const attributes = copyAttributes(source, own, contentHash)
    return await Promise.all(
      stores.map(async ({ target, store }): Promise<CopyResult> => {
        try {
          await retry(policy, signal, attempt =>
            store.put(source.key, content.bytes, content.digests, attributes, attempt),
          )
          context.onSent(target, source.bytes)
          return { target, outcome: 'copied', bytesSent: source.bytes, bytesThere: 0, contentHash }
        } catch (error) {
          return failed(target, error)
        }
      }),
    )
  } catch (error) {
    return targets.map(target => failed(target, error))
  } finally {
    release()
  }
}

function failed(target: number, error: unknown): CopyResult {
  if (error instanceof StoreError) return { target, outcome: 'failed', error }
  throw error
}
