import { text } from '../clouds/gcp/attributes.ts'
import type { World } from '../world.ts'

/**
 * The Google service account that a Kubernetes one may borrow: the one that its annotation names, when that lets it.
 * https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity#kubernetes-sa-to-iam
 */
export function borrowedAccount(
  world: World,
  kubernetes: {
    readonly namespace: string
    readonly name: string
    readonly annotations: Readonly<Record<string, string>>
  },
): string | undefined {
  const email = kubernetes.annotations['iam.gke.io/gcp-service-account']
  if (email === undefined) return undefined
  const member = `serviceAccount:${world.secrets.gcpProjectId}.svc.id.goog[${kubernetes.namespace}/${kubernetes.name}]`
  const lets = world.store
    .list('google_service_account_iam_member')
    .some(
      ({ attributes }) =>
        text(attributes, 'service_account_id')?.endsWith(`/serviceAccounts/${email}`) === true &&
        text(attributes, 'role') === 'roles/iam.workloadIdentityUser' &&
        text(attributes, 'member') === member,
    )
  return lets ? email : undefined
}
