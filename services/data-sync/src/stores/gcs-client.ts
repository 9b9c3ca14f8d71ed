import type { Readable } from 'node:stream'
import { Agent, type Dispatcher, request } from 'undici'
import * as z from 'zod'
import { kindOfStatus, retryAfterMs, StoreError } from './store-error.ts'

/** Calls Google Cloud Storage's JSON API (https://cloud.google.com/storage/docs/json_api). */
export interface GcsClient {
  /** Throws StoreError for every status that is not 2xx. The caller reads or dumps the body. */
  call(what: string, call: GcsCall): Promise<Dispatcher.ResponseData>
  json<T>(what: string, call: GcsCall, schema: z.ZodType<T>): Promise<T>
  close(): Promise<void>
}

interface GcsCall {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  /** Below the endpoint, with its query; use `pathOf` for names. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | Readable
  readonly signal: AbortSignal
}

export interface GcsClientOptions {
  readonly endpoint: string
  readonly connections: number
  /** The `Authorization` header's value; undefined for an emulator that takes anybody. */
  authorization(): Promise<string | undefined>
}

const errorSchema = z.object({ error: z.object({ message: z.string() }) })

/**
 * A thin client: Google's own library wraps every call in layers made for its conveniences, of which resuming by parts
 * is none. Tokens come from Google's own google-auth-library.
 */
export function createGcsClient(options: GcsClientOptions): GcsClient {
  const dispatcher = new Agent({ connections: options.connections, headersTimeout: 0, bodyTimeout: 0 })

  async function call(what: string, { method = 'GET', path, headers, body, signal }: GcsCall) {
    const authorization = await options.authorization().catch(error => {
      throw new StoreError('denied', `${what}: no token: ${String(error)}`, { cause: error })
    })
    const response = await request(`${options.endpoint}${path}`, {
      method,
      headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
      body: body ?? null,
      dispatcher,
      signal,
    }).catch(error => {
      throw new StoreError('unavailable', `${what}: ${String(error)}`, { cause: error })
    })
    if (response.statusCode >= 200 && response.statusCode < 300) return response
    const text = await response.body.text().catch(() => '')
    const wait = retryAfterMs(String(response.headers['retry-after'] ?? ''))
    throw new StoreError(
      kindOfStatus(response.statusCode),
      `${what}: ${response.statusCode} ${messageOf(text)}`,
      wait === undefined ? {} : { retryAfterMs: wait },
    )
  }

  return {
    call,
    async json(what, request, schema) {
      const response = await call(what, request)
      const body = await response.body.json().catch(error => {
        throw new StoreError('unavailable', `${what}: ${String(error)}`, { cause: error })
      })
      return schema.parse(body)
    },
    close: () => dispatcher.close(),
  }
}

/** `/storage/v1/b/BUCKET/o/NAME` with its names escaped. */
export function pathOf(bucket: string, name?: string): string {
  const objects = `/storage/v1/b/${encodeURIComponent(bucket)}/o`
  return name === undefined ? objects : `${objects}/${encodeURIComponent(name)}`
}

function messageOf(text: string): string {
  try {
    return errorSchema.parse(JSON.parse(text)).error.message
  } catch {
    return text.slice(0, 200)
  }
}
