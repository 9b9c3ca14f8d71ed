import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:https'
import { type AddressInfo, createServer as createSocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { createAzureCloud } from '../../src/clouds/azure/azure-cloud.ts'
import type { Cloud } from '../../src/clouds/cloud.ts'
import type { CloudTarget } from '../../src/clouds/target.ts'
import { platformId } from '../../src/config/names.ts'
import { type Config, configSchema } from '../../src/config/schema.ts'
import { azure } from '../src/clouds/azure/index.ts'
import { createCertificateAuthority, issueCertificate } from '../src/kubernetes/pki.ts'
import { type Harness, startHarness, testSecrets } from './terraform-harness.ts'

export interface AzureCase {
  readonly environment?: Config['environment']
  readonly engine?: Config['database']['engine']
  readonly spot?: boolean
  readonly gpu?: boolean
}

/** A whole configuration with Azure alone. */
export function azureTestConfig(options: AzureCase = {}): Config {
  return configSchema.parse({
    apiVersion: 'mlp.dev/v1',
    project: 'ml-platform',
    environment: options.environment ?? 'dev',
    target: 'sandbox',
    owner: 'ml-team',
    clouds: {
      azure: {
        subscriptionId: testSecrets.azureSubscriptionId,
        location: 'eastus',
        nodes: { min: 2, max: 5, type: 'Standard_D2s_v5', spot: options.spot ?? false },
        ...(options.gpu ? { gpuNodes: { min: 0, max: 2, type: 'Standard_NC4as_T4_v3', spot: true } } : {}),
        kubernetesVersion: '1.35',
        network: { cidr: '10.2.0.0/16', pods: '10.40.0.0/14', services: '172.22.0.0/16' },
      },
    },
    database: { engine: options.engine ?? 'postgresql' },
    credentials: 'workload-identity',
  })
}

export interface AzureFixture extends AsyncDisposable {
  readonly harness: Harness
  readonly caFile: string
  /** mlp's own adapter, talking to the simulated Azure as it would to the real one. */
  cloud(config: Config, target?: Partial<CloudTarget>): Cloud
}

/** The simulated Azure as the daemon runs it: its HTTPS API, azurite with TLS, and terraform's provider. */
export async function startAzure(): Promise<AzureFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'mlp-az-'))
  const authority = await createCertificateAuthority('test')
  const server = await issueCertificate(authority, {
    commonName: 'azure',
    usage: ['server'],
    dnsNames: ['*.blob.core.windows.net', 'localhost'],
    ipAddresses: ['127.0.0.1'],
  })
  const caFile = join(folder, 'ca.pem')
  await writeFile(caFile, authority.certificatePem)
  await writeFile(join(folder, 'cert.pem'), server.certificatePem)
  await writeFile(join(folder, 'key.pem'), server.keyPem, { mode: 0o600 })
  setDefaultCACertificates([...getCACertificates('default'), authority.certificatePem])

  const api = createServer({ cert: server.certificatePem, key: server.keyPem }, (request, response) => {
    azure.handle(request, response, harness.world).catch((error: unknown) => {
      response.writeHead(500).end(String(error))
    })
  }).listen(0, '127.0.0.1')
  await once(api, 'listening')
  const blobs = await startBlobs(folder, authority.certificatePem)
  const nowhere = ''
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const harness: Harness = await startHarness([azure], {
    world: {
      home: folder,
      caFile,
      caPem: authority.certificatePem,
      secrets: {
        ...testSecrets,
        tokenSigningKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      },
      endpoints: {
        ...{ aws: nowhere, gcp: nowhere, s3: nowhere, gcs: nowhere, proxy: nowhere },
        azure: `https://127.0.0.1:${portOf(api.address())}`,
        blob: `https://127.0.0.1:${blobs.port}`,
      },
      ensureBlobAccount: blobs.ensureAccount,
    },
  })
  return {
    harness,
    caFile,
    cloud(config, target = {}) {
      return createAzureCloud({
        config,
        target: { ...azure.target(harness.world), ...target },
        caFile,
        platformId: platformId(config),
      })
    },
    async [Symbol.asyncDispose]() {
      await harness.close()
      api.closeAllConnections()
      api.close()
      await blobs.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** azurite takes its accounts when it starts, so a new one restarts it. */
async function startBlobs(folder: string, ca: string) {
  const port = await freePort()
  const accounts = new Set<string>()
  let running: { stop(): Promise<void> } | undefined
  let last: Promise<void> = Promise.resolve()
  return {
    port,
    ensureAccount(account: string): Promise<void> {
      if (!accounts.has(account)) {
        accounts.add(account)
        last = last.then(async () => {
          await running?.stop()
          running = await startAzurite(folder, port, [...accounts], ca)
        })
      }
      return last
    },
    async stop() {
      await running?.stop()
    },
  }
}

async function startAzurite(folder: string, port: number, accounts: readonly string[], ca: string) {
  const script = new URL('../../node_modules/azurite/dist/src/blob/main.js', import.meta.url).pathname
  const child = spawn(
    process.execPath,
    [
      script,
      ...['--blobHost', '127.0.0.1', '--blobPort', String(port), '--location', folder, '--silent'],
      ...['--skipApiVersionCheck', '--disableTelemetry'],
      ...['--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem')],
    ],
    {
      stdio: 'ignore',
      env: {
        ...process.env,
        AZURITE_ACCOUNTS: accounts.map(name => `${name}:${testSecrets.azureStorageAccountKey}`).join(';'),
      },
    },
  )
  const exited = once(child, 'exit')
  const deadline = Date.now() + 30_000
  while (!(await answers(port, ca))) {
    if (Date.now() > deadline) throw new Error('azurite did not start within 30 s')
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  return {
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

async function answers(port: number, ca: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = request({ host: '127.0.0.1', port, ca, path: '/', method: 'GET' }, response => {
      response.resume()
      resolve(true)
    })
    probe.on('error', () => resolve(false))
    probe.end()
  })
}

async function freePort(): Promise<number> {
  const server = createSocketServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server.address())
  server.close()
  await once(server, 'close')
  return port
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
