import { branchOf } from '../hub.ts'
import type { Job, Records, Repository, Run } from '../records.ts'
import { environmentKey, newEnvironment } from '../rest/environments.ts'
import { chosen } from './triggers.ts'

type Gate =
  | { readonly state: 'open' }
  | { readonly state: 'refused'; readonly why: string }
  /** `again`: when to ask once more, in milliseconds. */
  | { readonly state: 'waiting'; readonly again: number | undefined }

/** What an environment's rules say to a job that names it. https://docs.github.com/actions/reference/workflows-and-actions/deployments-and-environments */
export function environmentGate(
  records: Records,
  repository: Repository,
  run: Run,
  job: Job,
  timeScale: number,
): Gate {
  if (job.environment === null) return { state: 'open' }
  const key = environmentKey(repository, job.environment.name)
  // One that is not there is made, without any rules.
  const environment =
    records.environments.get(key) ??
    records.environments.put(key, newEnvironment(job.environment.name, records.nextId))
  const branch = branchOf(run.ref)
  const policy = environment.branchPolicy
  const kind = run.ref.startsWith('refs/tags/') ? 'tag' : 'branch'
  const allowed =
    policy === null ||
    (policy.protected_branches
      ? records.protections.get(`${repository.id}/${branch}`) !== undefined
      : environment.policies.some(one => one.type === kind && chosen([one.name], branch)))
  if (!allowed)
    return {
      state: 'refused',
      why: `${kind === 'tag' ? 'Tag' : 'Branch'} "${branch}" is not allowed to deploy to ${environment.name} due to environment protection rules.`,
    }
  if (environment.reviewers.length > 0 && !job.approved) return { state: 'waiting', again: undefined }
  const left = Date.parse(job.createdAt) + environment.waitTimer * 60_000 * timeScale - Date.now()
  return left > 0 && environment.waitTimer > 0 ? { state: 'waiting', again: left } : { state: 'open' }
}
