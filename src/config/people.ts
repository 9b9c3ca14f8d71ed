/** What people may be to a platform; who is what stands under `access` in mlp.yaml. */
export const peopleGroups = ['viewers', 'operators', 'admins'] as const
export type PeopleGroup = (typeof peopleGroups)[number]

/** The group's name to Kubernetes, the same in every cluster: EKS access entries give it, RBAC is bound to it. */
export function kubernetesGroup(group: PeopleGroup): string {
  return `ml-platform:${group}`
}
