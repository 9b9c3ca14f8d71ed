import type { World } from '../world.ts'

/** One cloud's registries, by the host names that its users know. */
export interface CloudRegistry {
  /** Undefined for a name that does not resolve: another cloud's, or of no registry that exists. */
  find(host: string, world: World): Registry | undefined
}

export interface Registry {
  readonly host: string
  /** Where its repositories lie in the one store of images, such as `azure/<registry>`. */
  readonly prefix: string
  /** Answers the registry's own token endpoints; undefined for every other path. */
  token(request: TokenRequest): Answer | undefined
  /** What is answered to credentials that are missing, wrong or expired; undefined when they are right. */
  refuse(authorization: string | undefined, scope: string | undefined): Answer | undefined
  /** What is answered for a repository that does not exist, by its name in the path; undefined when it does. */
  missing(repository: string): Answer | undefined
  /** What is answered to a push that would move an existing tag; undefined where tags may move. */
  immutable(repository: string, tag: string): Answer | undefined
}

export interface TokenRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly form: URLSearchParams
  readonly authorization: string | undefined
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: object
}

/** https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes */
export function registryError(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return { status, headers, body: { errors: [{ code, message }] } }
}

/** User and password of a Basic authorization header. */
export function basicCredentials(
  authorization: string | undefined,
): { readonly user: string; readonly password: string } | undefined {
  const encoded = /^Basic (\S+)$/i.exec(authorization ?? '')?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon === -1 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1]
}
