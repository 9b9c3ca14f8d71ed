import { join } from 'node:path'
import type { Declaration } from '../2-kubernetes/declarations.ts'
import { loadObjects } from '../2-kubernetes/templates.ts'
import { federationStepId, pipelineIdentity } from './federation.ts'

const rbac = (kind: string) => ({ apiVersion: 'rbac.authorization.k8s.io/v1', kind })

/** The pipeline's rights in a cluster, by Kubernetes' own roles: the same on every cloud. */
export const access: Declaration = {
  phase: 6,
  name: 'access',
  title: 'Rights of the pipeline in the cluster',
  kinds: [rbac('ClusterRole'), rbac('ClusterRoleBinding'), rbac('RoleBinding')],
  needs: cloud => [federationStepId(cloud), `2.${cloud}.namespaces`],
  async objects(context, cloud) {
    const identities = pipelineIdentity(context, cloud)
    if (identities === undefined) return undefined
    const subject = (purpose: 'deploy' | 'read') => ({
      apiGroup: 'rbac.authorization.k8s.io',
      ...identities[purpose].subject,
    })
    const objects = await loadObjects(join(context.templates, 'delivery', 'access.yaml'))
    return objects.map(object => {
      if (object.kind === 'ClusterRole') return object
      // Who deploys looks first.
      const reads = object.metadata.name === 'mlp-pipeline-read'
      return { ...object, subjects: reads ? [subject('deploy'), subject('read')] : [subject('deploy')] }
    })
  },
  inputs: (context, cloud) => context.outputs(federationStepId(cloud)) ?? null,
  replaceable: false,
}
