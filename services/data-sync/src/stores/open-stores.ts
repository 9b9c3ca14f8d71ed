import { S3Client } from '@aws-sdk/client-s3'
import { DefaultAzureCredential } from '@azure/identity'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { GoogleAuth } from 'google-auth-library'
import { Agent, type Dispatcher } from 'undici'
import { createAzureStore } from './azure.ts'
import { createGcsStore } from './gcs.ts'
import { createGcsClient, type GcsClient } from './gcs-client.ts'
import type { Location } from './location.ts'
import { createS3Store } from './s3.ts'
import { createS3Http } from './s3-http.ts'
import { createS3Wire } from './s3-wire.ts'
import type { Store } from './store.ts'

export interface StoresOptions {
  /** Open connections to one store. */
  readonly connections: number
  readonly s3: { readonly endpoint: string | undefined; readonly forcePathStyle: boolean }
  /** An emulator takes anybody; the credentials come from the environment otherwise (workload identity). */
  readonly gcs: { readonly endpoint: string; readonly anonymous: boolean }
  /** `{account}` in the endpoint is replaced. Without a key: the environment's identity. */
  readonly azure: { readonly endpoint: string; readonly accountKey: string | undefined }
}

/** Opens folders of buckets; clients are made once, when the first of their kind is asked for. */
export interface Stores {
  open(location: Location): Store
  close(): Promise<void>
}

export function openStores(options: StoresOptions): Stores {
  const agent = new Agent({ connections: options.connections, headersTimeout: 0, bodyTimeout: 0 })
  let s3: S3Client | undefined
  let gcs: GcsClient | undefined
  const azure = new Map<string, BlobServiceClient>()
  const azureIdentity = new DefaultAzureCredential()

  const azureAccount = (account: string): BlobServiceClient => {
    const known = azure.get(account)
    if (known !== undefined) return known
    const { endpoint, accountKey } = options.azure
    const credential =
      accountKey === undefined ? azureIdentity : new StorageSharedKeyCredential(account, accountKey)
    const opened = new BlobServiceClient(endpoint.replaceAll('{account}', account), credential, {
      // retry.ts does it for all three.
      retryOptions: { maxTries: 1 },
    })
    azure.set(account, opened)
    return opened
  }

  return {
    open(location) {
      switch (location.kind) {
        case 's3':
          s3 ??= createS3Client(options, agent)
          return createS3Store(s3, createS3Wire(s3, agent), location)
        case 'gcs':
          gcs ??= createGcsClient({
            endpoint: options.gcs.endpoint,
            connections: options.connections,
            authorization: options.gcs.anonymous ? async () => undefined : googleAuthorization(),
          })
          return createGcsStore(gcs, location)
        case 'azure':
          return createAzureStore(
            azureAccount(location.account).getContainerClient(location.container),
            location,
          )
      }
    },
    async close() {
      s3?.destroy()
      await agent.close()
      await gcs?.close()
    },
  }
}

function createS3Client({ s3 }: StoresOptions, agent: Dispatcher): S3Client {
  return new S3Client({
    ...(s3.endpoint === undefined ? {} : { endpoint: s3.endpoint }),
    forcePathStyle: s3.forcePathStyle,
    followRegionRedirects: true,
    // retry.ts does it for all three; checksums are computed and compared here.
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: createS3Http(agent),
  })
}

function googleAuthorization(): () => Promise<string | undefined> {
  const auth = new GoogleAuth({ scopes: 'https://www.googleapis.com/auth/devstorage.read_write' })
  return async () => {
    const headers = await auth.getRequestHeaders()
    return headers.get('authorization') ?? undefined
  }
}
