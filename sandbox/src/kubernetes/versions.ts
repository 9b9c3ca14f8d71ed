import { CloudError } from '../behaviour.ts'
import type { ClusterSpec } from '../world.ts'

/** The release behind the one minor version that the sandbox runs; equal to toolchain/versions.json. */
export const kubernetesRelease = 'v1.35.4'
const minorVersion = '1.35'

/** Refuses a version in the words of the cloud that was asked for it. */
export function requireSupportedVersion(spec: ClusterSpec): void {
  if (spec.version === minorVersion || spec.version.startsWith(`${minorVersion}.`)) return
  switch (spec.cloud) {
    case 'aws':
      throw new CloudError('InvalidParameterException', `unsupported Kubernetes version ${spec.version}`)
    case 'gcp':
      throw new CloudError('INVALID_ARGUMENT', `Master version "${spec.version}" is unsupported.`)
    case 'azure':
      throw new CloudError(
        'K8sVersionNotSupported',
        `Managed cluster ${spec.name} is on version ${spec.version}, which is not supported in this region. Please use [az aks get-versions] command to get the supported version list in this region.`,
      )
  }
}
