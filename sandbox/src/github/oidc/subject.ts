import { user } from '../accounts.ts'
import type { Records, Repository } from '../records.ts'

/** `repo:owner/name`, or with both ids where the repository is young or asked for it. */
export function subjectPrefix(records: Records, repository: Repository): string {
  const { owner, name, id, subject } = repository
  if (!subject.immutable) return `repo:${owner}/${name}`
  return `repo:${owner}@${user(records, owner)?.id ?? 0}/${name}@${id}`
}

/**
 * The subject of a job's token. By default the repository and what the job is bound to; else the claims that the
 * repository names. https://docs.github.com/actions/reference/security/oidc
 */
export function subjectOf(
  records: Records,
  repository: Repository,
  claims: Readonly<Record<string, string>>,
): string {
  const prefix = subjectPrefix(records, repository)
  const { environment, event_name: event, ref } = claims
  const context =
    environment !== undefined
      ? // A colon would end the name.
        `environment:${environment.replaceAll(':', '%3A')}`
      : event === 'pull_request'
        ? 'pull_request'
        : `ref:${ref}`
  if (repository.subject.useDefault || repository.subject.claimKeys.length === 0)
    return `${prefix}:${context}`
  return repository.subject.claimKeys
    .map(key => {
      if (key === 'repo') return prefix
      if (key === 'context') return context
      return `${key}:${(claims[key] ?? '').replaceAll(':', '%3A')}`
    })
    .join(':')
}
