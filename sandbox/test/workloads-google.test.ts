import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { objectStore } from '../src/clouds/gcp/object-store.ts'
import { issueToken } from '../src/clouds/gcp/tokens.ts'
import { eventually } from './core-daemon-process.ts'
import { serviceImage } from './service-image.ts'
import { canTestPods, startTestCluster, type TestCluster } from './workloads-fixture.ts'

const models = fileURLToPath(new URL('../../services/model-serving/models', import.meta.url))
const pods = '/api/v1/namespaces/ml-serving/pods'
const supported = await canTestPods()

let cluster: TestCluster
let image: string
beforeAll(async () => {
  if (!supported) return
  cluster = await startTestCluster('gcp')
  image = await cluster.push(await serviceImage('model-serving'))
  await cluster.startStore('gcs')
}, 900_000)
afterAll(() => cluster?.close())

describe.runIf(supported)('on GKE', () => {
  test('model-serving loads a model from its bucket, by the metadata server’s token', async () => {
    const { world } = cluster
    const { store, secrets } = world
    const email = `model-serving@${secrets.gcpProjectId}.iam.gserviceaccount.com`

    // What phase 1's roots make, as far as it matters here.
    store.put('google_container_node_pool', 'general', {
      cluster: 'ml-platform-dev',
      node_config: [{ service_account: 'nodes' }],
    })
    store.put('google_project_iam_member', 'pull', {
      ...{ member: 'serviceAccount:nodes', role: 'roles/artifactregistry.reader' },
    })
    store.put('google_storage_bucket', 'ml-models', { name: 'ml-models' })
    await objectStore(world).createBucket('ml-models')
    store.put('google_storage_bucket_iam_member', 'models', {
      ...{ bucket: 'ml-models', member: `serviceAccount:${email}`, role: 'roles/storage.objectViewer' },
    })
    store.put('google_service_account_iam_member', 'workload', {
      service_account_id: `projects/${secrets.gcpProjectId}/serviceAccounts/${email}`,
      role: 'roles/iam.workloadIdentityUser',
      member: `serviceAccount:${secrets.gcpProjectId}.svc.id.goog[ml-serving/model-serving]`,
    })
    const iris = z
      .looseObject({
        models: z.array(z.looseObject({ name: z.string(), versions: z.array(z.looseObject({})) })),
      })
      .parse(JSON.parse(await readFile(join(models, 'models.json'), 'utf8')))
      .models.filter(({ name }) => name === 'iris')
      .map(({ versions, ...model }) => ({
        ...model,
        versions: versions.map(version => ({ ...version, source: 'gs://ml-models/iris.onnx' })),
      }))
    const upload = async (name: string, content: string | Blob) => {
      const url = `${world.endpoints.gcs}/upload/storage/v1/b/ml-models/o?uploadType=media&name=${name}`
      expect((await fetch(url, { method: 'POST', body: content })).status).toBe(200)
    }
    await upload('models.json', JSON.stringify({ models: iris }))
    await upload('iris.onnx', new Blob([await readFile(join(models, 'iris/1/model.onnx'))]))

    await cluster.admin.call('POST', '/api/v1/namespaces', { metadata: { name: 'ml-serving' } })
    await cluster.admin.call('POST', '/api/v1/namespaces/ml-serving/serviceaccounts', {
      metadata: { name: 'model-serving', annotations: { 'iam.gke.io/gcp-service-account': email } },
    })
    await cluster.admin.call('POST', pods, {
      metadata: { name: 'model-serving' },
      spec: {
        serviceAccountName: 'model-serving',
        volumes: [{ name: 'tmp', emptyDir: {} }],
        containers: [
          {
            name: 'model-serving',
            image,
            env: [{ name: 'MODELS', value: 'gs://ml-models/models.json' }],
            volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
            readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 1 },
            securityContext: { readOnlyRootFilesystem: true },
          },
        ],
      },
    })
    const ready = z.looseObject({
      status: z.looseObject({
        podIP: z.string(),
        containerStatuses: z.array(z.looseObject({ ready: z.literal(true) })),
      }),
    })
    const pod = await eventually(
      'the model to be loaded',
      async () => ready.safeParse(await cluster.admin.call('GET', `${pods}/model-serving`)).data,
    ).catch(async error => {
      throw new Error(
        `${error.message}: ${await cluster.kubectl('-n', 'ml-serving', 'logs', 'model-serving', '--tail=20').catch(String)}`,
      )
    })
    const socket = await cluster.dial(pod.status.podIP, 8080)
    socket.write('GET /v2/models/iris HTTP/1.0\r\n\r\n')
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(Buffer.from(chunk))
    expect(Buffer.concat(chunks).toString('utf8')).toContain('"name":"iris"')

    // Who has no role on the bucket does not read it.
    const asked = (who: string) =>
      cluster.askCloud('storage.googleapis.com', '/storage/v1/b/ml-models/o/models.json', {
        authorization: `Bearer ${issueToken(world, 600, who)}`,
      })
    expect(await asked(email)).toMatchObject({ status: 200 })
    expect(await asked(`data-sync@${secrets.gcpProjectId}.iam.gserviceaccount.com`)).toMatchObject({
      status: 403,
      text: expect.stringContaining('storage.objects.get'),
    })
  }, 400_000)
})
