import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
import type { KubeObject } from '../../kube/objects.ts'
import type { Declaration, DeclarationContext } from '../2-kubernetes/declarations.ts'
import { loadTemplate } from '../2-kubernetes/templates.ts'
import { controlPlaneStepId } from './control-plane-step.ts'
import { withRoutes, withSubsets } from './cross-cluster.ts'
import { gatewayHosts } from './gateway-certificate-step.ts'
import { otherClouds } from './mesh.ts'
import { sidecarsStepId } from './sidecars-step.ts'

const networking = (kind: string) => ({ apiVersion: 'networking.istio.io/v1', kind })
const load = (context: DeclarationContext, file: string) => loadTemplate(context, `../mesh/${file}`)

/** How calls find their way: at home first, and to another cluster where nobody at home answers. */
const settings: Declaration = {
  phase: 4,
  name: 'mesh-settings',
  title: 'Locality, failover and the way between clusters',
  kinds: [networking('DestinationRule'), networking('Gateway'), networking('VirtualService')],
  needs: cloud => [controlPlaneStepId(cloud)],
  async objects(context, cloud) {
    const { config } = context
    const own = (await load(context, 'settings.yaml')).map(object => withSubsets(object, config, cloud))
    if (otherClouds(config, cloud).length === 0) return own
    const probed = (await load(context, 'cross-cluster.yaml')).map(object =>
      withRoutes(object, config, cloud),
    )
    return [...own, ...(await load(context, 'cross-network.yaml')), ...probed]
  },
  inputs: (context, cloud) => ({ others: [...otherClouds(context.config, cloud)] }),
  replaceable: false,
  shrinks: true,
}

/** The guide's Gateway and VirtualService. */
const gateway: Declaration = {
  phase: 4,
  name: 'gateway',
  title: 'Gateway and routes',
  kinds: [networking('Gateway'), networking('VirtualService')],
  needs: cloud => [controlPlaneStepId(cloud), `4.${cloud}.gateway-certificate`],
  async objects(context) {
    const objects = await load(context, 'gateway.yaml')
    const { domain } = context.config
    return domain === undefined
      ? objects
      : objects.map(object => withHosts(object, gatewayHosts(context.config)))
  },
  inputs: context => ({ domain: context.config.domain ?? null }),
  replaceable: false,
}

/** As whom the other clusters look for this one's services. */
const reader: Declaration = {
  phase: 4,
  name: 'mesh-reader',
  title: 'Account by which other clusters read this one',
  kinds: [
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding' },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole' },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding' },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role' },
    { apiVersion: 'v1', kind: 'Secret' },
    { apiVersion: 'v1', kind: 'ServiceAccount' },
  ],
  needs: cloud => [`2.${cloud}.namespaces`],
  objects: context => load(context, 'reader.yaml'),
  inputs: () => null,
  replaceable: false,
}

/** Last, when every pod has its proxy. */
const strict: Declaration = {
  phase: 4,
  name: 'strict-mtls',
  title: 'Mutual TLS everywhere',
  kinds: [{ apiVersion: 'security.istio.io/v1', kind: 'PeerAuthentication' }],
  needs: cloud => [controlPlaneStepId(cloud), sidecarsStepId(cloud)],
  objects: context => load(context, 'strict.yaml'),
  inputs: () => null,
  replaceable: false,
}

/** A mesh of one cluster has nobody who reads it. */
export function meshDeclarations(config: Config, cloud: CloudName): readonly Declaration[] {
  return otherClouds(config, cloud).length === 0
    ? [settings, gateway, strict]
    : [settings, gateway, strict, reader]
}

const hostedSchema = z.looseObject({
  spec: z.looseObject({
    hosts: z.array(z.string()).optional(),
    servers: z.array(z.looseObject({ hosts: z.array(z.string()) })).optional(),
  }),
})

/** Who asks for another host than the platform's is not answered; each cloud's own name is below the domain. */
function withHosts(object: KubeObject, names: readonly string[]): KubeObject {
  const hosts = [...names]
  const { spec } = hostedSchema.parse(object)
  const changed = {
    ...spec,
    ...(spec.hosts === undefined ? {} : { hosts }),
    ...(spec.servers === undefined ? {} : { servers: spec.servers.map(server => ({ ...server, hosts })) }),
  }
  return { ...object, spec: z.json().parse(changed) }
}
