import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import * as z from 'zod'
import { parseYamlFile, rateLimitSchema } from '../configuration.ts'
import type { Client } from './client.ts'
import { grantsOf, scopeSchema } from './scopes.ts'

/** `mlp_<id>_<secret>`: the id finds the entry, 256 random bits prove it. */
const keyPattern = /^mlp_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/

/**
 * The mounted file of clients and their keys. Only hashes are in it: of 256 random bits a plain SHA-256 cannot be
 * reversed, so nothing slower is needed.
 */
const keyFileSchema = z.strictObject({
  clients: z.array(
    z.strictObject({
      name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected lower-case letters, digits and dashes'),
      scopes: z.array(scopeSchema),
      rateLimit: rateLimitSchema.optional(),
      /** Several while one replaces another. */
      keys: z.array(
        z.strictObject({
          id: z.string().regex(/^[0-9a-f]{16}$/),
          sha256: z.string().regex(/^[0-9a-f]{64}$/),
          expires: z.iso.datetime().optional(),
        }),
      ),
    }),
  ),
})

interface Entry {
  readonly sha256: Buffer
  readonly expiresAtMs: number
  readonly client: Client
}

export interface ApiKeys {
  /** The client that a key proves, or undefined; takes as long for a key that is nearly right as for any other. */
  find(key: string): Client | undefined
}

/** @throws SettingsError naming every mistake in the file, without anything secret */
export function parseApiKeys(text: string, file: string, now: () => number = Date.now): ApiKeys {
  const entries = new Map<string, Entry>()
  for (const { name, scopes, rateLimit, keys } of parseYamlFile(keyFileSchema, text, file).clients) {
    const client: Client = { id: `key:${name}`, grants: grantsOf(scopes), rateLimit }
    for (const { id, sha256, expires } of keys) {
      entries.set(id, {
        sha256: Buffer.from(sha256, 'hex'),
        expiresAtMs: expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(expires),
        client,
      })
    }
  }
  return {
    find(key) {
      const id = keyPattern.exec(key)?.[1]
      const entry = id === undefined ? undefined : entries.get(id)
      // Without an entry there is a comparison all the same.
      const matches = timingSafeEqual(digest(key), entry?.sha256 ?? noKey)
      return matches && entry !== undefined && now() < entry.expiresAtMs ? entry.client : undefined
    },
  }
}

const noKey = randomBytes(32)

/** A new key, to be shown once, and what of it goes into the file. */
export function createApiKey(): { readonly key: string; readonly id: string; readonly sha256: string } {
  const id = randomBytes(8).toString('hex')
  const key = `mlp_${id}_${randomBytes(32).toString('base64url')}`
  return { key, id, sha256: digest(key).toString('hex') }
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}
