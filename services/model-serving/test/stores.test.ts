import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { azureAccount, type Emulators, startEmulators } from '../../data-sync/test/support/emulators.ts'
import { infer, startServing, temporaryFolder, testModel } from './support.ts'

// versitygw, fake-gcs-server and azurite: the servers that data-sync is tested with.
let emulators: Emulators
beforeAll(async () => {
  emulators = await startEmulators()
  await emulators.makeBuckets('models')
}, 600_000)
afterAll(() => emulators[Symbol.asyncDispose]())

const put = {
  async s3(key: string, body: Buffer) {
    const client = new S3Client({ endpoint: emulators.endpoints.s3, forcePathStyle: true })
    await client.send(new PutObjectCommand({ Bucket: 'models', Key: key, Body: body }))
    client.destroy()
    return `s3://models/${key}`
  },
  async gcs(key: string, body: Buffer) {
    const name = encodeURIComponent(key)
    const url = `${emulators.endpoints.gcs}/upload/storage/v1/b/models/o?uploadType=media&name=${name}`
    expect((await fetch(url, { method: 'POST', body })).status).toBe(200)
    return `gs://models/${key}`
  },
  async azure(key: string, body: Buffer) {
    const credential = new StorageSharedKeyCredential(
      azureAccount,
      emulators.environment['AZURE_STORAGE_KEY'] ?? '',
    )
    const service = new BlobServiceClient(
      emulators.endpoints.azure.replace('{account}', azureAccount),
      credential,
    )
    await service.getContainerClient('models').getBlockBlobClient(key).uploadData(body)
    return `az://${azureAccount}/models/${key}`
  },
}

test.each(['s3', 'gcs', 'azure'] as const)(
  'a catalogue and its models come from %s, checked and cached',
  async store => {
    await using folder = await temporaryFolder()
    const model = await readFile(fileURLToPath(testModel('same-fp32')))
    const sha256 = createHash('sha256').update(model).digest('hex')
    await put[store]('team a/same/1/model.onnx', model)
    const versions = [{ version: '1', source: 'same/1/model.onnx', sha256 }]
    const catalogue = { models: [{ name: 'same', thread: 'main', versions }] }
    const url = await put[store]('team a/models.json', Buffer.from(JSON.stringify(catalogue)))

    const cache = join(folder.path, 'cache')
    await using serving = await startServing({
      ...emulators.environment,
      MODELS: encodeURI(url),
      CACHE_DIR: cache,
    })
    const request = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] }
    expect((await infer(serving.url, 'same', request)).outputs[0]?.data).toEqual([1, 2])
    expect(await readFile(join(cache, sha256))).toEqual(model)
  },
)
