import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { platformId } from '../../src/config/names.ts'
import { type Config, configSchema } from '../../src/config/schema.ts'
import { createCertificateAuthority, issueCertificate } from '../src/kubernetes/pki.ts'
import type { World } from '../src/world.ts'
import { testSecrets } from './terraform-harness.ts'

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

export const testPlatformId = platformId(azureTestConfig())

export interface BlobFixture extends AsyncDisposable {
  readonly world: Partial<World>
  readonly accounts: ReadonlySet<string>
}

/** A real azurite behind TLS, as the daemon runs it; every account that is asked for gets the sandbox's key. */
export async function startBlobService(): Promise<BlobFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'mlp-blob-'))
  const authority = await createCertificateAuthority('test')
  const server = await issueCertificate(authority, {
    commonName: 'blob',
    usage: ['server'],
    dnsNames: ['*.blob.core.windows.net', 'localhost'],
    ipAddresses: ['127.0.0.1'],
  })
  await writeFile(join(folder, 'cert.pem'), server.certificatePem)
  await writeFile(join(folder, 'key.pem'), server.keyPem, { mode: 0o600 })
  const port = await freePort()
  const accounts = new Set<string>()
  let running: { stop(): Promise<void> } | undefined
  const restart = async () => {
    await running?.stop()
    running = await startAzurite(folder, port, [...accounts], authority.certificatePem)
  }
  let last: Promise<void> = Promise.resolve()
  return {
    accounts,
    world: {
      caPem: authority.certificatePem,
      endpoints: {
        aws: '',
        gcp: '',
        azure: 'https://127.0.0.1:9',
        s3: '',
        gcs: '',
        blob: `https://127.0.0.1:${port}`,
        proxy: '',
      },
      ensureBlobAccount(account) {
        if (!accounts.has(account)) {
          accounts.add(account)
          last = last.then(restart)
        }
        return last
      },
    },
    async [Symbol.asyncDispose]() {
      await running?.stop()
      await rm(folder, { recursive: true, force: true })
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
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  server.close()
  await once(server, 'close')
  return address.port
}
