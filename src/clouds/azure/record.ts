import type { PipelineResponse } from '@azure/core-rest-pipeline'
import type { Found, RecordStore } from '../../engine/record-store.ts'
import {
  type BlobRequest,
  createSend,
  refused,
  retries,
  type Send,
  stateContainerUrl,
} from './blob-client.ts'
import type { AzurePlatform } from './platform.ts'
import { hasStateContainer } from './state-place.ts'

/**
 * Blobs below `mlp/` in the state container; an ETag is the version. Conditional headers:
 * https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations
 */
export function recordStore(platform: AzurePlatform): RecordStore {
  const place = placeOf(platform)
  const clients = new Map<number, Promise<Send>>()
  const send = async (request: BlobRequest, maxRetries: number): Promise<PipelineResponse> => {
    const client = clients.get(maxRetries) ?? createSend(platform, maxRetries)
    clients.set(maxRetries, client)
    return (await client)(request)
  }
  const readOnce = async (url: string, signal: AbortSignal, maxRetries: number): Promise<Found> => {
    const answer = await send({ method: 'GET', url, signal }, maxRetries)
    if (answer.status === 200) {
      return { state: 'found', text: answer.bodyAsText ?? '', version: answer.headers.get('etag') ?? '' }
    }
    const code = answer.headers.get('x-ms-error-code')
    if (code === 'BlobNotFound') return { state: 'absent' }
    if (code === 'ContainerNotFound') return { state: 'no-store' }
    throw refused(answer, `GET ${url}`)
  }
  return {
    place,
    async read(name, signal) {
      const url = `${place}/${name}`
      try {
        return await readOnce(url, signal, 0)
      } catch {
        signal.throwIfAborted()
        // The name of an account that is not there does not resolve; only Resource Manager can tell.
        if (!(await hasStateContainer(platform, signal))) return { state: 'no-store' }
        return await readOnce(url, signal, retries)
      }
    },
    async write(name, body, after, signal) {
      const url = `${place}/${name}`
      const condition = after === undefined ? { 'if-none-match': '*' } : { 'if-match': after }
      const answer = await send({ method: 'PUT', url, signal, body, headers: condition }, retries)
      if (answer.status === 201) return answer.headers.get('etag') ?? ''
      // 409 BlobAlreadyExists: there was to be none.
      if (answer.status === 412 || answer.status === 409) return undefined
      throw refused(answer, `PUT ${url}`)
    },
  }
}

/** Whether Azure refuses to let this identity read there; not for any other reason. */
export async function isDenied(platform: AzurePlatform, signal: AbortSignal): Promise<boolean> {
  const send = await createSend(platform, 0)
  const answer = await send({ method: 'GET', url: `${placeOf(platform)}/lease.json`, signal }).catch(
    () => undefined,
  )
  signal.throwIfAborted()
  return answer?.status === 403
}

/** Ends the lease of a blob in the state container, whoever holds it. https://learn.microsoft.com/rest/api/storageservices/lease-blob */
export async function breakLease(platform: AzurePlatform, blob: string, signal: AbortSignal): Promise<void> {
  const url = `${stateContainerUrl(platform)}/${blob}?comp=lease`
  const send = await createSend(platform, retries)
  const headers = { 'x-ms-lease-action': 'break', 'x-ms-lease-break-period': '0' }
  const answer = await send({ method: 'PUT', url, signal, headers })
  const isFree = answer.headers.get('x-ms-error-code') === 'LeaseNotPresentWithLeaseOperation'
  if (answer.status !== 202 && !isFree) throw refused(answer, `PUT ${url}`)
}

function placeOf(platform: AzurePlatform): string {
  return `${stateContainerUrl(platform)}/mlp`
}
