import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer as createTlsServer, type Server } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { createAwsCloud } from '../../src/clouds/aws/aws-cloud.ts'
import { createAzureCloud } from '../../src/clouds/azure/azure-cloud.ts'
import type { Cloud, CloudName } from '../../src/clouds/cloud.ts'
import { createGcpCloud } from '../../src/clouds/gcp/gcp-cloud.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { platformId } from '../../src/config/names.ts'
import type { Config } from '../../src/config/schema.ts'
import type { Context } from '../../src/phases/phase.ts'
import { simulatedClouds } from '../src/clouds/index.ts'
import { openAnswers } from '../src/dns/answers.ts'
import { dnsStore } from '../src/dns/dns-store.ts'
import { runHealthChecks } from '../src/dns/health-checks.ts'
import { type NameServer, startNameServer } from '../src/dns/name-server.ts'
import { createCertificateAuthority, issueCertificate } from '../src/kubernetes/pki.ts'
import { findFreePorts } from '../src/kubernetes/ports.ts'
import { type Harness, startHarness, testSecrets } from './terraform-harness.ts'

export const domain = 'ml.example.com'
const cloudNames: readonly CloudName[] = ['aws', 'gcp', 'azure']
export const awsBalancer = 'a1b2c3.elb.us-east-1.amazonaws.com'

/** A gateway of each cloud behind its load balancer's address: a server over TLS that can be taken away. */
interface Gateway {
  readonly address: string
  server: Server | undefined
  readonly port: number
}

export interface DnsFixture extends AsyncDisposable {
  readonly harness: Harness
  readonly store: ReturnType<typeof dnsStore>
  readonly nameServer: string
  clouds(config: Config): ReadonlyMap<CloudName, Cloud>
  /** As a run has it: clusters are stand-ins that have a gateway's Service and nothing else. */
  context(
    config: Config,
    options?: { readonly only?: readonly CloudName[]; readonly adopt?: boolean },
  ): Context
  setGateway(cloud: CloudName, state: 'up' | 'down'): Promise<void>
}

export function dnsConfig(cloud: CloudName, zone = 'example.com'): Config {
  return { ...defaultSandboxConfig(), domain, dns: { cloud, zone } }
}

/** The three simulated clouds' APIs over TLS, the name server, and real health checks of real (small) gateways. */
export async function startDns(): Promise<DnsFixture> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const tokenSigningKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const harness = await startHarness(simulatedClouds, {
    world: { secrets: { ...testSecrets, tokenSigningKeyPem } },
  })
  const { world } = harness
  const authority = await createCertificateAuthority('sandbox test')
  const names = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] }
  const leaf = await issueCertificate(authority, { commonName: 'localhost', usage: ['server'], ...names })
  const certificate = { cert: leaf.certificatePem, key: leaf.keyPem }
  await writeFile(world.caFile, authority.certificatePem)
  setDefaultCACertificates([...getCACertificates('default'), authority.certificatePem])
  const servers: Server[] = []
  for (const cloud of simulatedClouds) {
    const server = createTlsServer(certificate, (request, response) => {
      cloud.handle(request, response, world).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined)
      })
    })
    servers.push(server)
    Object.assign(world.endpoints, { [cloud.name]: `https://127.0.0.1:${await listen(server, 0)}` })
  }
  const ports = await findFreePorts(cloudNames.length + 1, new Set())
  const gateways = new Map<CloudName, Gateway>(
    cloudNames.map((name, index) => [
      name,
      { address: `198.19.7.${index + 1}`, server: undefined, port: ports[index] ?? 0 },
    ]),
  )
  const setGateway = async (name: CloudName, state: 'up' | 'down') => {
    const gateway = gateways.get(name)
    if (gateway === undefined) return
    gateway.server?.closeAllConnections()
    gateway.server?.close()
    gateway.server = undefined
    if (state === 'down') return
    gateway.server = createTlsServer(certificate, (request, response) => {
      response.writeHead(request.url === '/health' ? 200 : 404).end()
    })
    await listen(gateway.server, gateway.port)
  }
  for (const name of cloudNames) await setGateway(name, 'up')
  const store = dnsStore(world.store)
  const lookup = openAnswers(store, name => (name === awsBalancer ? gateways.get('aws')?.address : undefined))
  const namePort = ports[cloudNames.length] ?? 0
  const server: NameServer = await startNameServer(namePort, lookup)
  const ended = new AbortController()
  const dial = (address: string, port: number) => {
    const gateway = [...gateways.values()].find(each => each.address === address)
    return gateway === undefined || port !== 443
      ? undefined
      : async (): Promise<Socket> => {
          const socket = connect(gateway.port, '127.0.0.1')
          await once(socket, 'connect')
          return socket
        }
  }
  runHealthChecks({ store, lookup, dial, timeScale: () => 0, log: () => {} }, ended.signal)
  const nameServer = `127.0.0.1:${namePort}`
  const targets = Object.fromEntries(
    simulatedClouds.map(cloud => {
      const target = cloud.target(world)
      return [cloud.name, { ...target, environment: { ...target.environment, MLP_NAME_SERVER: nameServer } }]
    }),
  )
  const clouds = (config: Config): ReadonlyMap<CloudName, Cloud> => {
    const options = (name: CloudName) => {
      const target = targets[name]
      if (target === undefined) throw new Error(`no target for ${name}`)
      return { config, target, caFile: world.caFile, platformId: platformId(config) }
    }
    const makers = { aws: createAwsCloud, gcp: createGcpCloud, azure: createAzureCloud } as const
    return new Map(
      cloudNames
        .filter(name => config.clouds[name] !== undefined)
        .map(name => [name, makers[name](options(name))] as const),
    )
  }
  return {
    harness,
    store,
    nameServer,
    clouds,
    setGateway,
    context(config, { only = cloudNames, adopt = false } = {}) {
      const adapters = new Map(
        [...clouds(config)]
          .filter(([name]) => only.includes(name))
          .map(([name, cloud]) => [name, { ...cloud, cluster: async () => ({ name }) }]),
      )
      return {
        config,
        platformId: platformId(config),
        target: { name: 'sandbox', environment: {}, caFile: undefined, clouds: targets },
        clouds: adapters,
        openKubeClient: ({ cloud }: { cloud: CloudName }) => ({
          get: async () => serviceOf(cloud, gateways.get(cloud)?.address ?? ''),
        }),
        consent: { approve: async () => adopt },
        signal: new AbortController().signal,
        emit: () => {},
        outputs: () => undefined,
      } as unknown as Context
    },
    async [Symbol.asyncDispose]() {
      ended.abort()
      server.close()
      for (const name of cloudNames) await setGateway(name, 'down')
      for (const each of servers) {
        each.closeAllConnections()
        each.close()
      }
      await harness.close()
    },
  }
}

function serviceOf(cloud: CloudName, address: string) {
  const ingress = cloud === 'aws' ? { hostname: awsBalancer } : { ip: address }
  return {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'istio-ingressgateway' } },
    status: { loadBalancer: { ingress: [ingress] } },
  }
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
