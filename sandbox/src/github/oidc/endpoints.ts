import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { user } from '../accounts.ts'
import type { Hub } from '../hub.ts'
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
  const key =
    token?.jobId == null
      ? undefined
      : records.jobs.keys(`${repositoryId}/`).find(one => one.endsWith(`/${token.jobId}`))
  const job = key === undefined ? undefined : records.jobs.get(key)
  const run = job === undefined ? undefined : records.runs.get(`${repositoryId}/${job.runId}`)
  if (
    token?.permissions['id-token'] !== 'write' ||
    repository === undefined ||
    job === undefined ||
    run === undefined
  )
    return json(response, 401, {
      message: 'The token is not valid, or its job has no permission id-token: write.',
    })
  const at = Math.floor(Date.now() / 1000)
  const fullName = `${repository.owner}/${repository.name}`
  const workflowRef = `${fullName}/${run.path}@${run.ref}`
  const pull = run.event === 'pull_request' ? pullRefs(run.payload) : { head: '', base: '' }
  const branch = run.ref.replace(/^refs\/heads\//, '')
  const claims: Record<string, string> = {
    actor: run.actor,
    actor_id: String(user(records, run.actor)?.id ?? 0),
    base_ref: pull.base,
    check_run_id: String(job.id),
    ...(job.environment === null ? {} : { environment: job.environment.name }),
    event_name: run.event,
    head_ref: pull.head,
    job_workflow_ref: workflowRef,
    job_workflow_sha: run.sha,
    ref: run.ref,
    ref_protected: String(records.protections.get(`${repository.id}/${branch}`) !== undefined),
    ref_type: run.ref.startsWith('refs/tags/') ? 'tag' : 'branch',
    repository: fullName,
    repository_id: String(repository.id),
    repository_owner: repository.owner,
    repository_owner_id: String(user(records, repository.owner)?.id ?? 0),
    repository_visibility: repository.private ? 'private' : 'public',
    run_attempt: String(run.attempt),
    run_id: String(run.id),
    run_number: String(run.number),
    runner_environment: 'github-hosted',
    sha: run.sha,
    workflow: run.name,
    workflow_ref: workflowRef,
    workflow_sha: run.sha,
  }
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

function pullRefs(payload: Readonly<Record<string, unknown>>): {
  readonly head: string
  readonly base: string
} {
  const pull = payload['pull_request']
  const name = (side: unknown) =>
    typeof side === 'object' && side !== null && 'ref' in side ? String(side.ref) : ''
  if (typeof pull !== 'object' || pull === null) return { head: '', base: '' }
  return {
    head: name('head' in pull ? pull.head : undefined),
    base: name('base' in pull ? pull.base : undefined),
  }
}

function json(response: ServerResponse, status: number, body: object): ServerResponse {
  return response
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
    .end(JSON.stringify(body))
}
