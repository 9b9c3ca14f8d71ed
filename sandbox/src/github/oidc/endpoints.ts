import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { githubContext } from '../actions/contexts.ts'
import { findJob, type Hub } from '../hub.ts'
import { publicBases } from '../rest/bases.ts'
import { readToken } from '../tokens.ts'
import { githubIssuer, publishedKeys, signClaims } from './issuer.ts'
import { subjectOf } from './subject.ts'

export const issuerHost = new URL(githubIssuer).host
const lifetimeSeconds = 300

const claimNames = [
  'actor',
  'actor_id',
  'base_ref',
  'check_run_id',
  'environment',
  'event_name',
  'head_ref',
  'job_workflow_ref',
  'job_workflow_sha',
  'ref',
  'ref_protected',
  'ref_type',
  'repository',
  'repository_id',
  'repository_owner',
  'repository_owner_id',
  'repository_visibility',
  'run_attempt',
  'run_id',
  'run_number',
  'runner_environment',
  'sha',
  'workflow',
  'workflow_ref',
  'workflow_sha',
]

/** The issuer's own pages: https://docs.github.com/actions/reference/security/oidc */
export function answerIssuer(url: URL, response: ServerResponse, hub: Hub): ServerResponse {
  const path = url.pathname.replace(/^\/_services\/token/, '')
  if (path === '/.well-known/openid-configuration')
    return json(response, 200, {
      issuer: githubIssuer,
      jwks_uri: `${githubIssuer}/.well-known/jwks`,
      subject_types_supported: ['public', 'pairwise'],
      response_types_supported: ['id_token'],
      claims_supported: ['sub', 'aud', 'exp', 'iat', 'iss', 'jti', 'nbf', ...claimNames],
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid'],
    })
  if (path === '/.well-known/jwks') return json(response, 200, publishedKeys(hub.world.store))
  return json(response, 404, { message: 'Not Found' })
}

/** What a job with `id-token: write` asks at ACTIONS_ID_TOKEN_REQUEST_URL. */
export function answerIdToken(
  request: IncomingMessage,
  url: URL,
  response: ServerResponse,
  hub: Hub,
): ServerResponse {
  const [scheme = '', secret = ''] = (request.headers.authorization ?? '').split(' ')
  const token = /^bearer$/i.test(scheme) ? readToken(hub.world, hub.records, secret) : undefined
  const { records } = hub
  const [repositoryId] = token?.repositoryIds ?? []
  const repository = repositoryId === undefined ? undefined : records.repositories.get(String(repositoryId))
  const found =
    repository === undefined || token?.jobId == null
      ? undefined
      : findJob(records, repository.id, token.jobId)
  if (token?.permissions['id-token'] !== 'write' || repository === undefined || found === undefined)
    return json(response, 401, {
      message: 'The token is not valid, or its job has no permission id-token: write.',
    })
  const { run, job } = found
  const at = Math.floor(Date.now() / 1000)
  const context = githubContext({ records, bases: publicBases }, repository, run)
  const known: Readonly<Record<string, unknown>> = {
    ...context,
    check_run_id: job.id,
    environment: job.environment?.name,
    job_workflow_ref: context['workflow_ref'],
    job_workflow_sha: context['workflow_sha'],
    repository_visibility: repository.private ? 'private' : 'public',
    runner_environment: 'github-hosted',
  }
  const claims: Record<string, string> = Object.fromEntries(
    claimNames.flatMap(name => (known[name] === undefined ? [] : [[name, String(known[name])]])),
  )
  const value = signClaims(hub.world.store, {
    jti: randomUUID(),
    sub: subjectOf(records, repository, claims),
    aud: url.searchParams.get('audience') ?? `https://github.com/${repository.owner}`,
    ...claims,
    iss: githubIssuer,
    nbf: at - 300,
    iat: at,
    exp: at + lifetimeSeconds,
  })
  return json(response, 200, { count: 1, value })
}

function json(response: ServerResponse, status: number, body: object): ServerResponse {
  return response
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
    .end(JSON.stringify(body))
}
