import { createHash, createHmac, randomBytes } from 'node:crypto'
import * as z from 'zod'
import type { World } from '../world.ts'
import { operatorLogin } from './accounts.ts'
import type { Records, TokenRecord } from './records.ts'

export const githubTokenRequest = z.strictObject({
  login: z.string().default(operatorLogin),
  /** Of a classic token; without them it is a fine-grained one. */
  scopes: z.array(z.string()).optional(),
  permissions: z.record(z.string(), z.enum(['read', 'write'])).default({}),
  repositoryIds: z.array(z.int()).default([]),
  expiresAt: z.iso.datetime().nullable().default(null),
})
export type GithubTokenRequest = z.output<typeof githubTokenRequest>

/** All that `gh auth login` and a person who makes one for mlp would give it. */
const operatorScopes = ['admin:org', 'delete_repo', 'gist', 'read:org', 'repo', 'workflow']
const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The token that `mlp sandbox env` gives: a classic one, the same for as long as the sandbox lives. */
export function operatorToken(world: World): string {
  const bytes = createHmac('sha512', world.secrets.tokenSigningKeyPem).update('github:operator').digest()
  return `ghp_${spell(bytes).slice(0, 36)}`
}

/** Makes a token as its kind looks: https://github.blog/engineering/behind-githubs-new-authentication-token-formats/ */
export function issueToken(records: Records, token: TokenRecord): string {
  const prefix = { classic: 'ghp_', 'fine-grained': 'github_pat_', job: 'ghs_' }[token.kind]
  const made = `${prefix}${spell(randomBytes(64)).slice(0, token.kind === 'fine-grained' ? 48 : 36)}`
  records.tokens.put(fingerprint(made), token)
  return made
}

export function revokeToken(records: Records, token: string): void {
  records.tokens.delete(fingerprint(token))
}

/** Whose it is; undefined when there is none such, or it has expired. */
export function readToken(world: World, records: Records, token: string): TokenRecord | undefined {
  if (token === operatorToken(world))
    return {
      login: operatorLogin,
      kind: 'classic',
      scopes: operatorScopes,
      permissions: {},
      repositoryIds: [],
      expiresAt: null,
      jobId: null,
    }
  const known = records.tokens.get(fingerprint(token))
  if (known?.expiresAt != null && Date.parse(known.expiresAt) <= Date.now()) return undefined
  return known
}

/** Only this is kept: who reads the store cannot use what it tells. */
function fingerprint(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

function spell(bytes: Buffer): string {
  return Array.from(bytes, byte => letters[byte % letters.length]).join('')
}
