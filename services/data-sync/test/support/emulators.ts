import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { createTestProcesses, eventually } from '../../../../test/support/processes.ts'
import { program } from '../../../../test/support/programs.ts'
import { openStores, type Stores, type StoresOptions } from '../../src/stores/open-stores.ts'
import { freePort } from './free-port.ts'

const repository = fileURLToPath(new URL('../../../../', import.meta.url))
const secret = randomBytes(32).toString('base64')
export const azureAccount = 'mlptest'

/** The three object stores, each on a loopback port, with nothing in them. */
export interface Emulators extends AsyncDisposable {
  readonly folder: string
  readonly endpoints: { readonly s3: string; readonly gcs: string; readonly azure: string }
  /** For a process that is to use them. */
  readonly environment: Readonly<Record<string, string>>
  /** Opens stores on them, or on proxies before them. */
  open(endpoints?: Partial<Emulators['endpoints']>): Stores
  /** Makes a bucket in each store; the same name is fine. */
  makeBuckets(...names: readonly string[]): Promise<void>
}

/** Starts what `only` names; all three take about two seconds once their binaries are there. */
export async function startEmulators(
  only: readonly ('s3' | 'gcs' | 'azure')[] = ['s3', 'gcs', 'azure'],
): Promise<Emulators> {
  const folder = await mkdtemp(join(tmpdir(), 'data-sync-'))
  const processes = createTestProcesses()
  const ports = { s3: await freePort(), gcs: await freePort(), azure: await freePort() }
  const endpoints = {
    s3: `http://127.0.0.1:${ports.s3}`,
    gcs: `http://127.0.0.1:${ports.gcs}`,
    azure: `http://127.0.0.1:${ports.azure}/{account}`,
  }
  const credentials = { AWS_ACCESS_KEY_ID: 'mlptest', AWS_SECRET_ACCESS_KEY: secret, AWS_REGION: 'us-east-1' }
  // The SDK's own way to be told, as in production.
  Object.assign(process.env, credentials)

  const start = async (
    name: 's3' | 'gcs' | 'azure',
    file: string,
    args: string[],
    env: Record<string, string>,
  ) => {
    const cwd = join(folder, name)
    for (const name of ['data', 'sidecar']) await mkdir(join(cwd, name), { recursive: true })
    await processes.ensure({ name, cwd, file, args, env, logFile: join(folder, `${name}.log`) })
    await eventually(`${name} to listen`, async () => ((await answers(ports[name])) ? true : undefined))
  }
  const starts = {
    s3: async () =>
      start(
        's3',
        await program('versitygw'),
        [
          ...['--port', `127.0.0.1:${ports.s3}`, '--quiet', '--keep-alive', 'posix'],
          // Extended attributes hold a few hundred parts on most file systems, and an upload here may have more.
          ...['--sidecar', join(folder, 's3', 'sidecar'), 'data'],
        ],
        { ROOT_ACCESS_KEY: 'mlptest', ROOT_SECRET_KEY: secret },
      ),
    gcs: async () =>
      start(
        'gcs',
        await program('fake-gcs-server'),
        [
          ...['-scheme', 'http', '-host', '127.0.0.1', '-port', String(ports.gcs)],
          ...['-backend', 'filesystem', '-filesystem-root', 'data', '-log-level', 'error'],
        ],
        {},
      ),
    azure: () =>
      start(
        'azure',
        process.execPath,
        [
          join(repository, 'node_modules/azurite/dist/src/blob/main.js'),
          ...['--blobHost', '127.0.0.1', '--blobPort', String(ports.azure), '--location', 'data'],
          ...['--skipApiVersionCheck', '--silent', '--disableTelemetry'],
        ],
        { AZURITE_ACCOUNTS: `${azureAccount}:${secret}`, NODE_OPTIONS: '--max-old-space-size=512' },
      ),
  }
  await Promise.all(only.map(name => starts[name]()))

  return {
    folder,
    endpoints,
    environment: {
      ...credentials,
      AWS_ENDPOINT_URL_S3: endpoints.s3,
      S3_FORCE_PATH_STYLE: 'true',
      STORAGE_EMULATOR_HOST: endpoints.gcs,
      AZURE_STORAGE_ENDPOINT: endpoints.azure,
      AZURE_STORAGE_KEY: secret,
    },
    open: other => openStores(storesOptions({ ...endpoints, ...other })),
    async makeBuckets(...names) {
      for (const name of names) await Promise.all(only.map(kind => makers[kind](endpoints[kind], name)))
    },
    async [Symbol.asyncDispose]() {
      await processes.stopAll()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const makers = {
  async s3(endpoint: string, bucket: string) {
    const client = new S3Client({ endpoint, forcePathStyle: true })
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
    client.destroy()
  },
  async gcs(endpoint: string, name: string) {
    const response = await fetch(`${endpoint}/storage/v1/b?project=test`, {
      method: 'POST',
      body: JSON.stringify({ name }),
      headers: { 'content-type': 'application/json' },
    })
    if (!response.ok) throw new Error(await response.text())
  },
  async azure(endpoint: string, container: string) {
    const credential = new StorageSharedKeyCredential(azureAccount, secret)
    const client = new BlobServiceClient(endpoint.replace('{account}', azureAccount), credential)
    await client.createContainer(container)
  },
}

function storesOptions(endpoints: Emulators['endpoints']): StoresOptions {
  return {
    connections: 32,
    s3: { endpoint: endpoints.s3, forcePathStyle: true },
    gcs: { endpoint: endpoints.gcs, anonymous: true },
    azure: { endpoint: endpoints.azure, accountKey: secret },
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    // Any answer will do, an error's too.
    await fetch(`http://127.0.0.1:${port}/`)
    return true
  } catch {
    return false
  }
}
