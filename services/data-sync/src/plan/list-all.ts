import { type RetryPolicy, retry } from '../retry.ts'
import type { Store } from '../stores/store.ts'
import type { Listing } from './merge.ts'

/** Every page of a store, each fetched again where that helps. */
export async function* listAll(store: Store, policy: RetryPolicy, signal: AbortSignal): Listing {
  let token: string | undefined
  do {
    const from = token
    const page = await retry(policy, signal, attempt => store.list(from, attempt))
    yield page.objects
    token = page.token
  } while (token !== undefined)
}
