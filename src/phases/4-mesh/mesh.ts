import { dirname } from 'node:path'
import type { CloudName } from '../../clouds/cloud.ts'
import { configuredClouds } from '../../config/configured-clouds.ts'
import { contextName, platformId } from '../../config/names.ts'
import type { Config } from '../../config/schema.ts'
import { readPins } from '../../tools/toolchain/versions.ts'
import type { Context } from '../phase.ts'

export const istioNamespace = 'istio-system'
/** Whose pods get sidecars: see templates/kubernetes/namespaces.yaml. */
export const meshNamespaces = ['ml-platform', 'ml-serving'] as const
/** On a namespace, and on the gateway into it: which network its pods are in. */
export const networkLabel = 'topology.istio.io/network'
/** On all that `istioctl install` makes: the overlay's name, which is ours by the platform id. */
export const ownerLabel = 'install.operator.istio.io/owning-resource'

export function otherClouds(config: Config, cloud: CloudName): readonly CloudName[] {
  return configuredClouds(config).filter(other => other !== cloud)
}

/** Each cluster is a network of its own, and both are called by its context. */
export function meshNames(config: Config, cloud: CloudName) {
  const cluster = contextName(cloud, config)
  return { meshId: platformId(config), cluster, network: cluster }
}

export interface IstioVersion {
  /** `1.31.0`: of the images. */
  readonly tag: string
  /** `1-31-0`: another version is installed beside this one, and takes over when its pods have come up. */
  readonly revision: string
}

/** The pinned one: an istioctl of the PATH may be a patch release newer, the images are those. */
export async function istioVersion(context: Pick<Context, 'templates'>): Promise<IstioVersion> {
  const { version } = (await readPins(dirname(context.templates))).istioctl
  return { tag: version, revision: version.replaceAll('.', '-') }
}
