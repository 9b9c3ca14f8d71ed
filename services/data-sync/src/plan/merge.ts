import type { StoredObject } from '../stores/store.ts'

/** One key, and what is there at the source and at each destination. */
export interface Entry {
  readonly key: string
  readonly source: StoredObject | undefined
  readonly copies: readonly (StoredObject | undefined)[]
}

export type Listing = AsyncIterable<readonly StoredObject[]>

/**
 * Walks the source's and the destinations' listings side by side; memory holds one page of each. Throws when a store
 * lists out of order: a key missed that way would look like one to delete.
 */
export async function* merge(source: Listing, destinations: readonly Listing[]): AsyncGenerator<Entry> {
  const cursors = [source, ...destinations].map(createCursor)
  try {
    for (;;) {
      let key: string | undefined
      for (const cursor of cursors) {
        const object = await cursor.peek()
        if (object !== undefined && (key === undefined || compareKeys(object.key, key) < 0)) key = object.key
      }
      if (key === undefined) return
      const [first, ...copies] = cursors.map(cursor => cursor.takeIf(key))
      yield { key, source: first, copies }
    }
  } finally {
    await Promise.all(cursors.map(cursor => cursor.close()))
  }
}

interface Cursor {
  peek(): Promise<StoredObject | undefined>
  /** The current object, if it has this key; `peek` was awaited before. */
  takeIf(key: string): StoredObject | undefined
  close(): Promise<void>
}

function createCursor(listing: Listing): Cursor {
  const pages = listing[Symbol.asyncIterator]()
  // The next page is on its way while this one is worked on.
  let next = ahead(pages)
  let page: readonly StoredObject[] = []
  let at = 0
  let last: string | undefined

  return {
    async peek() {
      while (at >= page.length) {
        const result = await next
        if (result.done === true) return undefined
        page = result.value
        at = 0
        next = ahead(pages)
      }
      return page[at]
    },
    takeIf(key) {
      const object = page[at]
      if (object === undefined || object.key !== key) return undefined
      if (last !== undefined && compareKeys(object.key, last) <= 0)
        throw new Error(`the store lists ${object.key} after ${last}: nothing can be compared safely`)
      last = object.key
      at++
      return object
    },
    async close() {
      await next.catch(() => undefined)
      await pages.return?.()
    },
  }
}

function ahead<T>(iterator: AsyncIterator<T>): Promise<IteratorResult<T>> {
  const next = iterator.next()
  // Who asks for it gets the error; until then it is nobody's.
  next.catch(() => undefined)
  return next
}

/** The order of UTF-8 bytes, which the stores promise; UTF-16 differs from it beyond the basic plane. */
function compareKeys(one: string, other: string): number {
  if (one === other) return 0
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}
