import * as z from 'zod'
import type { KubeClient } from '../../kube/client.ts'
import type { KubeObject } from '../../kube/objects.ts'

/** What opens more than it seems to. */
type Power = 'read secrets' | 'run commands in pods' | 'escalate'

export interface PowerfulSubject {
  /** `Group ml-platform:admins`, `ServiceAccount istio-system/istiod-1-31-0` */
  readonly subject: string
  readonly power: Power
  /** `everywhere`, or the namespaces. */
  readonly where: readonly string[]
  /** Roles that give it. */
  readonly by: readonly string[]
}

const ruleSchema = z.looseObject({
  apiGroups: z.array(z.string()).default([]),
  resources: z.array(z.string()).default([]),
  resourceNames: z.array(z.string()).default([]),
  verbs: z.array(z.string()).default([]),
})
const roleSchema = z.looseObject({ rules: z.array(ruleSchema).nullish() })
const bindingSchema = z.looseObject({
  roleRef: z.looseObject({ kind: z.string(), name: z.string() }),
  subjects: z
    .array(z.looseObject({ kind: z.string(), name: z.string(), namespace: z.string().optional() }))
    .nullish(),
})
type Rule = z.infer<typeof ruleSchema>

const rbacGroup = 'rbac.authorization.k8s.io'
const kinds = ['ClusterRole', 'Role', 'ClusterRoleBinding', 'RoleBinding'] as const

/** Every subject of a cluster with one of the powers, by what its roles say. */
export async function auditAccess(client: KubeClient): Promise<readonly PowerfulSubject[]> {
  const lists = await Promise.all(kinds.map(kind => client.list({ apiVersion: `${rbacGroup}/v1`, kind })))
  return powerfulSubjects(lists.flat())
}

function powerfulSubjects(objects: readonly KubeObject[]): readonly PowerfulSubject[] {
  const powersOfRole = new Map(
    objects
      .filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role')
      .map(role => [keyOf(role.kind, role.metadata.namespace, role.metadata.name), powersOf(role)]),
  )
  const found = new Map<string, { subject: string; power: Power; where: Set<string>; by: Set<string> }>()
  for (const binding of objects.filter(({ kind }) => kind.endsWith('Binding'))) {
    const { roleRef, subjects } = bindingSchema.parse(binding)
    const { namespace } = binding.metadata
    const role = keyOf(roleRef.kind, roleRef.kind === 'Role' ? namespace : undefined, roleRef.name)
    for (const power of powersOfRole.get(role) ?? []) {
      for (const { kind, name, namespace: home } of subjects ?? []) {
        // Istio's own bindings leave a service account's namespace out.
        const place = home ?? (kind === 'ServiceAccount' ? namespace : undefined)
        const subject = `${kind} ${place === undefined ? '' : `${place}/`}${name}`
        const key = `${subject} ${power}`
        const entry = found.get(key) ?? { subject, power, where: new Set(), by: new Set() }
        entry.where.add(binding.kind === 'ClusterRoleBinding' ? 'everywhere' : (namespace ?? ''))
        entry.by.add(`${roleRef.kind} ${roleRef.name}`)
        found.set(key, entry)
      }
    }
  }
  return [...found.values()]
    .map(({ subject, power, where, by }) => ({
      subject,
      power,
      where: where.has('everywhere') ? ['everywhere'] : [...where].sort(),
      by: [...by].sort(),
    }))
    .toSorted((a, b) => `${a.power} ${a.subject}`.localeCompare(`${b.power} ${b.subject}`))
}

function powersOf(role: KubeObject): readonly Power[] {
  const rules = roleSchema.parse(role).rules ?? []
  const tests: readonly (readonly [Power, (rule: Rule) => boolean])[] = [
    // A rule for Secrets of certain names opens those alone: that is how access should be given.
    [
      'read secrets',
      rule => rule.resourceNames.length === 0 && allows(rule, '', 'secrets', ['get', 'list', 'watch']),
    ],
    [
      'run commands in pods',
      rule =>
        allows(rule, '', 'pods/exec', ['create', 'get']) ||
        allows(rule, '', 'pods/attach', ['create', 'get']),
    ],
    [
      'escalate',
      rule =>
        ['clusterroles', 'roles'].some(resource => allows(rule, rbacGroup, resource, ['escalate', 'bind'])) ||
        ['users', 'groups', 'serviceaccounts'].some(resource =>
          allows(rule, '', resource, ['impersonate']),
        ) ||
        (rule.resourceNames.length === 0 && allows(rule, '', 'serviceaccounts/token', ['create'])),
    ],
  ]
  return tests.filter(([, test]) => rules.some(test)).map(([power]) => power)
}

function allows(rule: Rule, group: string, resource: string, verbs: readonly string[]): boolean {
  const has = (list: readonly string[], value: string) => list.includes('*') || list.includes(value)
  const [, sub] = resource.split('/')
  const resources = rule.resources.includes('*') || rule.resources.includes(resource)
  const anySub = sub !== undefined && rule.resources.includes(`*/${sub}`)
  return has(rule.apiGroups, group) && (resources || anySub) && verbs.some(verb => has(rule.verbs, verb))
}

function keyOf(kind: string, namespace: string | undefined, name: string): string {
  return `${kind} ${namespace ?? ''}/${name}`
}
