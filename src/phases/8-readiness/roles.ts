import { join } from 'node:path'
import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import { kubernetesGroup, type PeopleGroup, peopleGroups } from '../../config/people.ts'
import type { Config } from '../../config/schema.ts'
import type { KubeObject } from '../../kube/objects.ts'
import type { Declaration } from '../2-kubernetes/declarations.ts'
import { loadObjects } from '../2-kubernetes/templates.ts'

const rbac = (kind: string) => ({ apiVersion: 'rbac.authorization.k8s.io/v1', kind })
/** Where the platform's admins are admins. */
const adminNamespaces = ['ml-platform', 'ml-serving', 'monitoring']
/** By whom a role is held, too: operators see what viewers see, admins do what operators do. */
const heldBy = {
  'ml-platform-viewers': ['viewers', 'operators', 'admins'],
  'ml-platform-operators': ['operators', 'admins'],
  'ml-platform-admins': ['admins'],
} as const satisfies Readonly<Record<string, readonly PeopleGroup[]>>

/** Three roles for people, bound to groups. */
export const roles: Declaration = {
  phase: 8,
  name: 'roles',
  title: 'Roles of people: viewers, operators, admins',
  // Bindings go first.
  kinds: [rbac('RoleBinding'), rbac('ClusterRoleBinding'), rbac('ClusterRole')],
  needs: cloud => [`2.${cloud}.namespaces`],
  async objects(context, cloud) {
    const objects = await loadObjects(join(context.templates, 'readiness', 'roles.yaml'))
    return objects.flatMap(object =>
      object.kind === 'ClusterRole'
        ? [object]
        : inNamespaces({ ...object, subjects: subjectsOf(context.config, cloud, object.metadata.name) }),
    )
  },
  inputs: (context, cloud) => ({
    groups: peopleGroups.map(group => ({
      group,
      names: [...namedGroups(context.config, cloud, group)],
    })),
  }),
  replaceable: true,
  shrinks: true,
}

/** On EKS the groups of a principal are its access entry's (phase 1): RBAC knows no ARNs. */
function namedGroups(config: Config, cloud: CloudName, group: PeopleGroup): readonly string[] {
  return cloud === 'aws' ? [] : (config.access?.[group]?.[cloud] ?? [])
}

function subjectsOf(config: Config, cloud: CloudName, binding: string) {
  const held = z.enum(['ml-platform-viewers', 'ml-platform-operators', 'ml-platform-admins']).parse(binding)
  const names = heldBy[held].flatMap(group => [kubernetesGroup(group), ...namedGroups(config, cloud, group)])
  return [...new Set(names)].map(name => ({
    apiGroup: 'rbac.authorization.k8s.io',
    kind: 'Group',
    name,
  }))
}

function inNamespaces(object: KubeObject): readonly KubeObject[] {
  if (object.kind !== 'RoleBinding') return [object]
  return adminNamespaces.map(namespace => ({ ...object, metadata: { ...object.metadata, namespace } }))
}
