import type { PowerfulSubject } from './access-audit.ts'

/**
 * Who has such rights by nature: Kubernetes itself, a cloud's own components, and what phases 2 to 8 install. Each line
 * says what it is for, so that a reader of the audit need not wonder.
 */
const expected: readonly { readonly subject: RegExp; readonly why: string }[] = [
  { subject: /^Group system:/, why: 'Kubernetes’ own groups: administrators, masters, nodes' },
  { subject: /^User system:/, why: 'Kubernetes’ own components' },
  { subject: /^ServiceAccount kube-system\//, why: 'the cluster’s controllers and the cloud’s add-ons' },
  { subject: /^User (eks|aks|clusterUser|masterclient|gke)[:-]?/i, why: 'the clouds’ own control planes' },
  { subject: /^Group (eks|aks|gke|gce):/, why: 'the clouds’ own control planes' },
  { subject: /^ServiceAccount (gke-managed|gmp|aks|amazon|calico|tigera)[a-z-]*\//, why: 'cloud add-ons' },
  {
    subject: /^ServiceAccount istio-system\/istio/,
    why: 'istiod: certificates of gateways, remote clusters',
  },
  { subject: /^ServiceAccount istio-system\/mlp-mesh-reader$/, why: 'the other clusters’ istiods' },
  { subject: /^ServiceAccount monitoring\/prometheus-/, why: 'the operator: configuration in Secrets' },
  {
    subject: /^Group sandbox:/,
    why: 'who administers the sandbox’s clusters, as a cloud’s administrators do',
  },
  { subject: /^Group ml-platform:admins$/, why: 'the platform’s admins' },
]

/** Whom jobs of phase 6's pipeline become, as each cloud calls them, and the roles that it gives them. */
const pipelineSubject =
  /^(Group mlp:pipeline-(deploy|read)|User \S+\.iam\.gserviceaccount\.com|User [0-9a-f]{8}-[0-9a-f-]{27})$/
const pipelineRole = /^ClusterRole mlp-pipeline-(deploy|read)$/

export function isExpected({ subject, by }: Pick<PowerfulSubject, 'subject' | 'by'>): boolean {
  const isOfPipeline = pipelineSubject.test(subject) && by.every(role => pipelineRole.test(role))
  return isOfPipeline || expected.some(known => known.subject.test(subject))
}
