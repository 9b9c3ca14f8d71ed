import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { CloudName } from '../../../src/clouds/cloud.ts'
import { defaultSandboxConfig } from '../../../src/config/defaults.ts'
import type { Config } from '../../../src/config/schema.ts'
import { buildGraph, needsOf } from '../../../src/engine/graph.ts'
import { infrastructurePhase } from '../../../src/phases/1-infrastructure/index.ts'
import { kubernetesPhase } from '../../../src/phases/2-kubernetes/index.ts'
import { applicationsPhase } from '../../../src/phases/3-applications/index.ts'
import { meshDeclarations } from '../../../src/phases/4-mesh/declarations.ts'
import { meshPhase } from '../../../src/phases/4-mesh/index.ts'
import { overlayOf } from '../../../src/phases/4-mesh/overlay.ts'

const templates = fileURLToPath(new URL('../../../templates', import.meta.url))
const three = defaultSandboxConfig('dev')
const only = (cloud: CloudName, environment: Config['environment'] = 'dev'): Config => {
  const config = defaultSandboxConfig(environment)
  return { ...config, clouds: { [cloud]: config.clouds[cloud] } }
}

describe('the overlay for istioctl', () => {
  it('names mesh, cluster, network, revision and images', async () => {
    const overlay = await overlayOf({ config: three, templates }, 'gcp')
    expect(parse(overlay.text)).toMatchObject({
      metadata: { name: expect.stringMatching(/^mlp-/) },
      spec: {
        profile: 'default',
        hub: 'docker.io/istio',
        tag: overlay.version.tag,
        revision: overlay.version.tag.replaceAll('.', '-'),
        values: {
          global: { meshID: expect.stringMatching(/^mlp-/), network: 'gcp-dev', platform: 'gke' },
        },
      },
    })
    expect(parse(overlay.text).spec.values.global.multiCluster).toEqual({ clusterName: 'gcp-dev' })
  })

  it('has an east-west gateway only where there is another cluster to reach', async () => {
    const gateways = async (config: Config) =>
      parse((await overlayOf({ config, templates }, 'aws')).text).spec.components.ingressGateways
    expect(await gateways(only('aws'))).toHaveLength(1)
    const [, eastWest] = await gateways(three)
    expect(eastWest).toMatchObject({
      name: 'istio-eastwestgateway',
      label: { 'topology.istio.io/network': 'aws-dev' },
      k8s: { env: [{ name: 'ISTIO_META_REQUESTED_NETWORK_VIEW', value: 'aws-dev' }] },
    })
  })

  it('is highly available everywhere but in dev', async () => {
    const values = async (config: Config) =>
      parse((await overlayOf({ config, templates }, 'azure')).text).spec.values
    expect(await values(only('azure', 'prod'))).toMatchObject({
      pilot: { autoscaleMin: 2 },
      global: { defaultPodDisruptionBudget: { enabled: true } },
    })
    expect(await values(only('azure'))).toMatchObject({
      pilot: { autoscaleMin: 1 },
      global: { defaultPodDisruptionBudget: { enabled: false } },
    })
  })

  it('changes when a cluster is added, so that the mesh is changed', async () => {
    const hash = async (config: Config) => (await overlayOf({ config, templates }, 'aws')).hash
    expect(await hash(three)).not.toBe(await hash(only('aws')))
    expect(await hash(three)).toBe(await hash(three))
  })
})

describe('the settings of the mesh', () => {
  const settings = async (config: Config) => {
    const declaration = meshDeclarations(config, 'aws').find(({ name }) => name === 'mesh-settings')
    const signal = new AbortController().signal
    const context = { config, templates, clouds: new Map(), outputs: () => undefined, signal }
    const objects = (await declaration?.objects(context, 'aws')) ?? []
    return new Map(objects.map(object => [`${object.kind} ${object.metadata.name}`, object]))
  }

  it('have a way to ask for each of the other clusters alone, that nobody but the pod itself comes to', async () => {
    const objects = await settings(three)
    expect(objects.get('Gateway cross-cluster')).toMatchObject({
      spec: { servers: [{ bind: '127.0.0.1', port: { number: 15_080 } }] },
    })
    const route = (cluster: string) => ({
      match: [{ uri: { exact: `/${cluster}` } }],
      rewrite: { uri: '/health' },
      retries: { attempts: 0 },
      route: [
        {
          destination: {
            host: 'api-gateway.ml-platform.svc.cluster.local',
            subset: cluster,
            port: { number: 80 },
          },
        },
      ],
    })
    expect(objects.get('VirtualService cross-cluster')).toMatchObject({
      spec: { http: [route('gcp-dev'), route('azure-dev')] },
    })
    // Its own as well: what comes in from the others names it.
    const subset = (name: string) => ({ name, labels: { 'topology.istio.io/cluster': name } })
    expect(objects.get('DestinationRule api-gateway')).toMatchObject({
      spec: { subsets: [subset('aws-dev'), subset('gcp-dev'), subset('azure-dev')] },
    })
  })

  it('have none of it where there is no other cluster', async () => {
    const objects = await settings(only('aws'))
    expect([...objects.keys()]).toEqual(['DestinationRule api-gateway', 'DestinationRule model-serving'])
    expect(objects.get('DestinationRule api-gateway')).not.toHaveProperty('spec.subsets')
  })
})

describe('the steps of the mesh', () => {
  const names = (config: Config) => meshPhase.steps(config).map(({ id }) => id)

  it('join every ordered pair of clusters', () => {
    const pairs = names(three).filter(id => id.includes('.mesh-remote-'))
    expect(pairs.sort()).toEqual([
      '4.aws.mesh-remote-azure',
      '4.aws.mesh-remote-gcp',
      '4.azure.mesh-remote-aws',
      '4.azure.mesh-remote-gcp',
      '4.gcp.mesh-remote-aws',
      '4.gcp.mesh-remote-azure',
    ])
  })

  it('leave out what only several clusters need, where there is one', () => {
    expect(names(only('gcp')).filter(id => /remote|reader/.test(id))).toEqual([])
    expect(names(only('gcp'))).toContain('4.gcp.mesh-root')
  })

  it('need what is there, and come in the order in which a mesh can be built', () => {
    const phases = [infrastructurePhase, kubernetesPhase, applicationsPhase, meshPhase]
    const graph = buildGraph(phases.flatMap(phase => phase.steps(three)))
    const before = needsOf(graph, '4.gcp.strict-mtls')
    for (const id of ['4.aws.mesh-root', '4.gcp.mesh-authority', '4.gcp.control-plane', '4.gcp.sidecars']) {
      expect(before).toContain(id)
    }
  })
})
