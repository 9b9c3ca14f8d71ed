import { digest } from '../../src/copy/digests.ts'
import { parseLocation } from '../../src/stores/location.ts'
import type { Stores } from '../../src/stores/open-stores.ts'
import type { Attributes, Store } from '../../src/stores/store.ts'

export function open(stores: Stores, text: string): Store {
  const location = parseLocation(text)
  if (location === undefined) throw new Error(`not a location: ${text}`)
  return stores.open(location)
}

export async function fill(
  store: Store,
  objects: Readonly<Record<string, Buffer>>,
  attributes: Attributes = { contentType: 'text/plain', metadata: { owner: 'tests' } },
): Promise<void> {
  for (const [key, content] of Object.entries(objects)) {
    await store.put(key, content, digest(content, true), attributes, AbortSignal.timeout(30_000))
  }
}

export async function keysOf(store: Store): Promise<readonly string[]> {
  const keys: string[] = []
  let token: string | undefined
  do {
    const page = await store.list(token, AbortSignal.timeout(30_000))
    keys.push(...page.objects.map(({ key }) => key))
    token = page.token
  } while (token !== undefined)
  return keys
}

export async function contentOf(store: Store, key: string): Promise<Buffer> {
  const signal = AbortSignal.timeout(60_000)
  const object = await store.describe(key, signal)
  if (object === undefined) throw new Error(`${key} is not there`)
  const chunks: Uint8Array[] = []
  for await (const chunk of (await store.open(object, undefined, signal)).body) chunks.push(chunk)
  return Buffer.concat(chunks)
}
