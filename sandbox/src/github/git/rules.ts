import type { Hub } from '../hub.ts'
import type { Protection, Repository, Ruleset } from '../records.ts'
import { atLeast, roleOf } from '../rights.ts'

/** What the hook refuses to this person: see repository-folder.ts. */
export function pushRules(hub: Hub, repository: Repository, login: string): string {
  const isAdmin = atLeast(roleOf(repository, login), 'admin')
  const protections = hub.records.protections.keys(`${repository.id}/`).flatMap(key => {
    const protection = hub.records.protections.get(key)
    const branch = key.slice(key.indexOf('/') + 1)
    return protection === undefined ? [] : ofProtection(branch, protection, isAdmin)
  })
  const rulesets = hub.records.rulesets
    .list(`${repository.id}/`)
    .filter(one => one.enforcement === 'active' && one.target !== 'push')
    .filter(one => !(isAdmin && bypassedByAdmins(one)))
    .flatMap(one => ofRuleset(one, repository))
  return [...protections, ...rulesets].join('\n')
}

function ofProtection(branch: string, protection: Protection, isAdmin: boolean): readonly string[] {
  const line = (rule: string) => `refs/heads/${branch}|${rule}|GH006`
  // An administrator passes by what is not enforced for them; deleting and forcing is refused to everybody.
  const binds = !isAdmin || protection.enforceAdmins
  return [
    ...(protection.allowDeletions ? [] : [line('delete')]),
    ...(protection.allowForce ? [] : [line('force')]),
    ...(binds && protection.reviews !== null ? [line('pull')] : []),
    ...(binds && protection.reviews === null && (protection.requiredChecks?.checks.length ?? 0) > 0
      ? [
          line(
            `checks:${protection.requiredChecks?.checks.length} of ${protection.requiredChecks?.checks.length}`,
          ),
        ]
      : []),
    ...(binds && protection.lockBranch ? [line('lock')] : []),
  ]
}

const ruleNames: Readonly<Record<string, string>> = {
  deletion: 'delete',
  creation: 'create',
  non_fast_forward: 'force',
  pull_request: 'pull',
  update: 'lock',
}

function ofRuleset(ruleset: Ruleset, repository: Repository): readonly string[] {
  const kind = ruleset.target === 'tag' ? 'refs/tags/' : 'refs/heads/'
  return ruleset.include.flatMap(include => {
    const pattern =
      include === '~ALL'
        ? `${kind}*`
        : include === '~DEFAULT_BRANCH'
          ? `${kind}${repository.defaultBranch}`
          : include.replaceAll('**', '*')
    return ruleset.rules.flatMap(({ type }) => {
      const rule = ruleNames[type]
      return rule === undefined ? [] : [`${pattern}|${rule}|GH013`]
    })
  })
}

/** Role 5 is the repository's administrators. */
function bypassedByAdmins(ruleset: Ruleset): boolean {
  return ruleset.bypassActors.some(
    actor =>
      actor['bypass_mode'] !== 'pull_request' &&
      (actor['actor_type'] === 'OrganizationAdmin' ||
        (actor['actor_type'] === 'RepositoryRole' && actor['actor_id'] === 5)),
  )
}
