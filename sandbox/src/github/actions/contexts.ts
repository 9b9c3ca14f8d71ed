import { user } from '../accounts.ts'
import { refsOfPull } from '../hub.ts'
import type { Records, Repository, Run } from '../records.ts'
import { environmentKey } from '../rest/environments.ts'
import type { ActionsOptions } from './job-request.ts'

/** `github` as expressions see it, but for what belongs to one job. */
export function githubContext(
  options: Pick<ActionsOptions, 'records' | 'bases'>,
  repository: Repository,
  run: Run,
): Record<string, unknown> {
  const { records, bases } = options
  const fullName = `${repository.owner}/${repository.name}`
  const pull = refsOfPull(run.payload)
  return {
    action: '',
    actor: run.actor,
    actor_id: String(user(records, run.actor)?.id ?? 0),
    api_url: bases.api,
    base_ref: pull.base,
    event: { ...run.payload, inputs: Object.keys(run.inputs).length === 0 ? null : run.inputs },
    event_name: run.event,
    graphql_url: `${bases.api}/graphql`,
    head_ref: pull.head,
    ref: run.ref,
    ref_name: run.ref.replace(/^refs\/(heads|tags|pull)\//, ''),
    ref_protected:
      records.protections.get(`${repository.id}/${run.ref.replace(/^refs\/heads\//, '')}`) !== undefined,
    ref_type: run.ref.startsWith('refs/tags/') ? 'tag' : 'branch',
    repository: fullName,
    repository_id: String(repository.id),
    repository_owner: repository.owner,
    repository_owner_id: String(user(records, repository.owner)?.id ?? 0),
    repositoryUrl: `git://${new URL(bases.web).host}/${fullName}.git`,
    retention_days: '90',
    run_attempt: String(run.attempt),
    run_id: String(run.id),
    run_number: String(run.number),
    secret_source: 'Actions',
    server_url: bases.web,
    sha: run.sha,
    triggering_actor: run.triggeringActor,
    workflow: run.name,
    workflow_ref: `${fullName}/${run.path}@${run.ref}`,
    workflow_sha: run.sha,
  }
}

/** Variables or secrets that a job sees: the repository's, and over them its environment's. */
export function valuesOf(
  records: Records,
  kind: 'variables' | 'secrets',
  repository: Repository,
  environment: string | undefined,
): Readonly<Record<string, string>> {
  const scope =
    environment === undefined ? undefined : records.environments.get(environmentKey(repository, environment))
  const own = records[kind].list(`${repository.id}/0/`)
  const more = scope === undefined ? [] : records[kind].list(`${repository.id}/${scope.id}/`)
  return Object.fromEntries([...own, ...more].map(({ name, value }) => [name, value]))
}
