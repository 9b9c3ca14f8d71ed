import { type Behaviour, CloudError } from '../../../behaviour.ts'
import { objects, requiredText, text } from '../attributes.ts'
import { arn, mustBeFree, parseJson, stableLetters, withTags } from '../naming.ts'
import { clusterKey, mustHaveCluster } from './eks-cluster.ts'
import { mustHaveRoleArn } from './iam.ts'

interface Addon {
  readonly version: string
  /** What the addon brings into the cluster; its pods are simulated. */
  readonly objects: readonly object[]
}

// Defaults for Kubernetes 1.35 in the manner of https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeAddonVersions.html
const addons: Readonly<Record<string, Addon>> = {
  'vpc-cni': { version: 'v1.21.1-eksbuild.1', objects: [workload('DaemonSet', 'aws-node')] },
  'kube-proxy': { version: 'v1.35.0-eksbuild.2', objects: [workload('DaemonSet', 'kube-proxy')] },
  'eks-pod-identity-agent': {
    version: 'v1.3.10-eksbuild.2',
    objects: [workload('DaemonSet', 'eks-pod-identity-agent')],
  },
  coredns: { version: 'v1.12.4-eksbuild.1', objects: [workload('Deployment', 'coredns')] },
  'aws-ebs-csi-driver': {
    version: 'v1.54.0-eksbuild.1',
    objects: [
      workload('Deployment', 'ebs-csi-controller'),
      {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'CSIDriver',
        metadata: { name: 'ebs.csi.aws.com' },
        spec: { attachRequired: true, podInfoOnMount: false },
      },
    ],
  },
}

const addon: Behaviour = {
  type: 'aws_eks_addon',
  source: 'https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateAddon.html',
  seconds: { create: 40, update: 30, delete: 10 },
  refuses: { create: ['ResourceInUseException'], delete: [] },
  async create(planned, scope) {
    const clusterName = requiredText(planned, 'cluster_name')
    const name = requiredText(planned, 'addon_name')
    const id = `${clusterName}:${name}`
    mustHaveCluster(scope, clusterName)
    const known = addons[name]
    if (known === undefined)
      throw new CloudError('InvalidParameterException', `Addon ${name} specified is not supported`)
    mustBeFree(scope, 'aws_eks_addon', id, 'ResourceInUseException', 'Addon already exists.')
    const configuration = text(planned, 'configuration_values')
    if (configuration !== undefined && parseJson(configuration) === undefined)
      throw new CloudError(
        'InvalidParameterException',
        'ConfigurationValue provided in request is not supported',
      )
    for (const association of objects(planned, 'pod_identity_association'))
      mustHaveRoleArn(scope, requiredText(association, 'role_arn'), 'InvalidParameterException')
    await scope.world.clusters.apply(clusterKey(clusterName), known.objects)
    const now = new Date().toISOString()
    return {
      addon_version: known.version,
      configuration_values: '',
      ...withTags(planned, scope),
      id,
      arn: arn(scope, 'eks', `addon/${clusterName}/${name}/${stableLetters(id, 12)}`),
      created_at: now,
      modified_at: now,
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
}

function workload(kind: 'DaemonSet' | 'Deployment', name: string): object {
  const labels = { 'app.kubernetes.io/name': name }
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: 'kube-system', labels },
    spec: {
      ...(kind === 'Deployment' ? { replicas: 2 } : {}),
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          priorityClassName: kind === 'DaemonSet' ? 'system-node-critical' : 'system-cluster-critical',
          tolerations: [{ operator: 'Exists' }],
          containers: [{ name, image: `602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/${name}` }],
        },
      },
    },
  }
}

export const eksAddonBehaviours: readonly Behaviour[] = [addon]
