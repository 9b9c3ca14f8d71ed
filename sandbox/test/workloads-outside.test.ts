import type { Socket } from 'node:net'
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { masterPassword } from '../src/clouds/aws/behaviours/rds.ts'
import { issueSession } from '../src/clouds/aws/sessions.ts'
import { createBlobContainer } from '../src/clouds/azure/blob-service.ts'
import { issueToken, storageAudience } from '../src/clouds/azure/tokens.ts'
import { eventually } from './core-daemon-process.ts'
import { buildImage } from './image-fixture.ts'
import { serviceImage } from './service-image.ts'
import { canTestPods, startTestCluster, type TestCluster } from './workloads-fixture.ts'

const namespace = '/api/v1/namespaces/ml-platform'
const supported = await canTestPods()

/** Tells what it can reach. */
const probe = `
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
const ask = (url, options = {}) => new Promise((resolve, reject) => {
  const outgoing = request(url, options, async response => {
    let text = ''
    for await (const chunk of response) text += chunk
    resolve({ status: response.statusCode, text })
  })
  outgoing.on('error', reject)
  outgoing.end(options.body)
})
const answers = {
  '/api': () => {
    const folder = '/var/run/secrets/kubernetes.io/serviceaccount/'
    const ca = readFileSync(folder + 'ca.crt')
    const headers = { authorization: 'Bearer ' + readFileSync(folder + 'token', 'utf8') }
    return ask('https://kubernetes.default.svc/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      ca, method: 'POST', headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }) })
  },
  '/ask': url => ask(url.searchParams.get('url')),
  '/connect': url => new Promise(resolve => {
    const socket = connect({ host: url.searchParams.get('host'), port: Number(url.searchParams.get('port')) })
    socket.on('connect', () => { socket.destroy(); resolve('connected') })
    socket.on('error', error => resolve(error.code))
  }),
}
createServer(async (request, response) => {
  const url = new URL(request.url, 'http://pod')
  const body = await Promise.resolve(answers[url.pathname]?.(url)).catch(error => ({ error: String(error.code ?? error) }))
  response.end(JSON.stringify(body ?? null))
}).listen(8080)
`

let cluster: TestCluster
let probeImage: string
let dataSync: string

beforeAll(async () => {
  if (!supported) return
  cluster = await startTestCluster()
  probeImage = await cluster.push(
    await buildImage({
      files: { 'app/probe.mjs': probe },
      withNode: true,
      config: { Entrypoint: ['/bin/node', '/app/probe.mjs'], User: '65532:65532' },
    }),
  )
  dataSync = await cluster.push(await serviceImage('data-sync'))
  await cluster.admin.call('POST', '/api/v1/namespaces', { metadata: { name: 'ml-platform' } })
}, 900_000)
afterAll(() => cluster?.close())

async function run(name: string, spec: object): Promise<void> {
  await cluster.admin.call('POST', `${namespace}/pods`, { metadata: { name }, spec })
  const ready = z.looseObject({
    status: z.looseObject({ containerStatuses: z.array(z.looseObject({ ready: z.literal(true) })) }),
  })
  await eventually(`${name} to be ready`, async () =>
    ready.safeParse(await cluster.admin.call('GET', `${namespace}/pods/${name}`)).success ? true : undefined,
  ).catch(async error => {
    const seen = await cluster.kubectl('--namespace', 'ml-platform', 'logs', name).catch(String)
    throw new Error(`${error.message}: ${seen}`)
  })
}

async function addressOf(name: string): Promise<string> {
  const pod = await cluster.admin.call('GET', `${namespace}/pods/${name}`)
  return z.looseObject({ status: z.looseObject({ podIP: z.string() }) }).parse(pod).status.podIP
}

async function http(
  name: string,
  port: number,
  path: string,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: unknown }> {
  const socket = await cluster.dial(await addressOf(name), port)
  const text = body === undefined ? '' : JSON.stringify(body)
  const lines = [
    `${body === undefined ? 'GET' : 'POST'} ${path} HTTP/1.0`,
    'host: pod',
    ...(body === undefined
      ? []
      : ['content-type: application/json', `content-length: ${Buffer.byteLength(text)}`]),
    ...Object.entries(headers).map(([key, value]) => `${key}: ${value}`),
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n${text}`)
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(Buffer.from(chunk))
  const [head = '', ...rest] = Buffer.concat(chunks).toString('utf8').split('\r\n\r\n')
  return { status: Number(head.split(' ')[1]), body: JSON.parse(rest.join('\r\n\r\n')) }
}

const tell = async (path: string) => (await http('probe', 8080, path)).body

describe.runIf(supported)('what a pod reaches outside of its cluster', () => {
  test('the cluster’s API, as its service account; the clouds; nothing else', async () => {
    await run('probe', {
      containers: [
        { name: 'probe', image: probeImage, readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } },
      ],
    })
    expect(JSON.stringify(await tell('/api'))).toContain('system:serviceaccount:ml-platform:default')
    const nobody = encodeURIComponent('https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity')
    expect(await tell(`/ask?url=${nobody}`)).toMatchObject({ status: 403 })
    for (const name of ['example.com', 'another.blob.core.windows.net', 'no-such.default.svc.cluster.local'])
      expect(await tell(`/connect?host=${name}&port=443`)).toBe('ENOTFOUND')
    const { port } = new URL(cluster.access.endpoint)
    expect(await tell(`/connect?host=127.0.0.1&port=${port}`)).toBe('ECONNREFUSED')
    expect(await tell('/connect?host=192.0.2.1&port=443')).toMatch(/ENETUNREACH|EHOSTUNREACH/)
    expect(await tell('/connect?host=198.18.0.1&port=80')).toBe('ECONNREFUSED')
  })

  test('data-sync keeps its records in RDS and copies from S3 to Azure, all by its service account', async () => {
    const { world } = cluster
    const { store, secrets } = world
    const account = secrets.awsAccountId
    const host = 'ml.cabc.us-east-1.rds.amazonaws.com'
    const name = { cluster_name: 'ml-platform-dev', namespace: 'ml-platform', service_account: 'data-sync' }
    await Promise.all([cluster.startStore('s3'), cluster.startStore('blob')])

    // What phase 1's roots make, as far as it matters here.
    store.put('aws_s3_bucket', 'ml-source', { bucket: 'ml-source', arn: 'arn:aws:s3:::ml-source' })
    store.put('aws_eks_cluster', 'ml-platform-dev', {
      arn: `arn:aws:eks:us-east-1:${account}:cluster/ml-platform-dev`,
    })
    store.put('aws_iam_role', 'data-sync', {
      assume_role_policy: JSON.stringify({
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: 'pods.eks.amazonaws.com' },
            Action: ['sts:AssumeRole', 'sts:TagSession'],
            Condition: { StringEquals: { 'aws:RequestTag/kubernetes-service-account': 'data-sync' } },
          },
        ],
      }),
    })
    store.put('aws_iam_role_policy', 'data-sync:access', {
      role: 'data-sync',
      policy: JSON.stringify({
        Statement: [
          { Effect: 'Allow', Action: 's3:ListBucket', Resource: 'arn:aws:s3:::ml-source' },
          { Effect: 'Allow', Action: ['s3:GetObject', 's3:PutObject'], Resource: 'arn:aws:s3:::ml-source/*' },
          {
            Effect: 'Allow',
            Action: 'rds-db:connect',
            Resource: `arn:aws:rds-db:us-east-1:${account}:dbuser:db-ABC/data_sync`,
          },
        ],
      }),
    })
    store.put('aws_eks_pod_identity_association', 'a-1', {
      ...name,
      role_arn: `arn:aws:iam::${account}:role/data-sync`,
    })
    const database = {
      ...{ engine: 'postgres', identifier: 'ml', address: host, db_name: 'platform', username: 'ml_admin' },
      ...{ manage_master_user_password: true, resource_id: 'db-ABC' },
    }
    store.put('aws_db_instance', 'db-ABC', database)

    const group = `/subscriptions/${secrets.azureSubscriptionId}/resourceGroups/ml`
    const storage = `${group}/providers/Microsoft.Storage/storageAccounts/mltarget`
    const identity = `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/data-sync`
    const [clientId, principalId] = [crypto.randomUUID(), crypto.randomUUID()]
    store.put('azurerm_storage_account', storage, { name: 'mltarget' })
    await createBlobContainer(world, 'mltarget', 'data')
    store.put('azurerm_user_assigned_identity', identity, {
      ...{ name: 'data-sync', client_id: clientId, principal_id: principalId },
    })
    store.put('azurerm_federated_identity_credential', `${identity}/federatedIdentityCredentials/eks`, {
      issuer: cluster.access.endpoint,
      subject: 'system:serviceaccount:ml-platform:data-sync',
      audience: ['api://AzureADTokenExchange'],
    })
    store.put('azurerm_role_assignment', 'data', {
      principal_id: principalId,
      role_definition_name: 'Storage Blob Data Contributor',
      scope: `${storage}/blobServices/default/containers/data`,
    })
    await world.settled('aws_db_instance')

    // What a migration does as the master user, over the cluster's own network.
    const socket = await eventually('the database on the network', () => cluster.dialName(host, 5432))
    const master = new pg.Client({
      ...{ host, user: 'ml_admin', password: masterPassword(world, database), database: 'platform' },
      ssl: { ca: world.caPem, rejectUnauthorized: true },
      stream: () => connected(socket),
    })
    await master.connect()
    await master.query(
      'CREATE USER data_sync; GRANT rds_iam TO data_sync; GRANT CREATE, USAGE ON SCHEMA public TO data_sync',
    )
    await master.end()

    await cluster.admin.call('POST', `${namespace}/serviceaccounts`, { metadata: { name: 'data-sync' } })
    await run('data-sync', {
      serviceAccountName: 'data-sync',
      volumes: [
        {
          name: 'azure',
          projected: {
            sources: [{ serviceAccountToken: { audience: 'api://AzureADTokenExchange', path: 'token' } }],
          },
        },
        { name: 'tmp', emptyDir: {} },
      ],
      containers: [
        {
          name: 'data-sync',
          image: dataSync,
          env: Object.entries({
            DATABASE_URL: `postgres://data_sync@${host}:5432/platform`,
            DATABASE_AUTHENTICATION: 'aws-iam',
            // Another cloud's identity is not the webhook's business, as on a real EKS.
            AZURE_CLIENT_ID: clientId,
            AZURE_TENANT_ID: secrets.azureTenantId,
            AZURE_FEDERATED_TOKEN_FILE: '/var/run/secrets/azure/token',
          }).map(([key, value]) => ({ name: key, value })),
          volumeMounts: [
            { name: 'azure', mountPath: '/var/run/secrets/azure' },
            { name: 'tmp', mountPath: '/tmp' },
          ],
          readinessProbe: { httpGet: { path: '/ready', port: 8081 }, periodSeconds: 1 },
          securityContext: { readOnlyRootFilesystem: true },
        },
      ],
    })
    await cluster.putObject('ml-source', 'models/a.txt', 'from one cloud to another')
    const made = await http('data-sync', 8081, '/v1/jobs', {
      ...{ name: 'copy', source: 's3://ml-source/models', destinations: ['azure://mltarget/data/copies'] },
    })
    expect(made).toMatchObject({ status: 201 })
    const { id } = z.looseObject({ id: z.string() }).parse(made.body)
    const begun = z
      .looseObject({ id: z.string() })
      .parse((await http('data-sync', 8081, `/v1/jobs/${id}/runs`, {})).body)
    const ended = await eventually('the run to end', async () => {
      const { body } = await http('data-sync', 8081, `/v1/runs/${begun.id}`)
      const { state } = z.looseObject({ state: z.string() }).parse(body)
      return ['queued', 'running', 'pending', 'waiting'].includes(state) ? undefined : body
    })
    const log = () => cluster.kubectl('--namespace', 'ml-platform', 'logs', 'data-sync', '--tail=8')
    expect(ended, `${JSON.stringify(ended)}\n${await log()}`).toMatchObject({ state: 'succeeded' })
    const blob = (headers: Record<string, string>) =>
      cluster.askCloud('mltarget.blob.core.windows.net', '/data/copies/a.txt', {
        ...headers,
        'x-ms-version': '2023-11-03',
      })
    const bearer = (principal?: { objectId: string; clientId: string }) => ({
      authorization: `Bearer ${issueToken(world, storageAudience, principal).token}`,
    })
    expect(await blob(bearer())).toEqual({ status: 200, text: 'from one cloud to another' })
    expect(await blob(bearer({ objectId: crypto.randomUUID(), clientId }))).toMatchObject({ status: 403 })
    const other = issueSession(world, 'another-role', 'pod', 60_000)
    const s3 = new S3Client({
      region: 'us-east-1',
      credentials: { ...other, sessionToken: other.token },
    })
    const { headers, path } = await signedGet(s3, 'ml-source', 'models/a.txt')
    const refused = await cluster.askCloud('ml-source.s3.us-east-1.amazonaws.com', path, headers)
    expect(refused).toMatchObject({ status: 403, text: expect.stringContaining('s3:GetObject') })
  }, 400_000)
})

/** pg connects a socket by itself; this one is connected already. */
function connected(socket: Socket): Socket {
  return Object.assign(socket, {
    connect() {
      setImmediate(() => socket.emit('connect'))
      return socket
    },
  })
}

/** What the SDK would send. */
async function signedGet(client: S3Client, bucket: string, key: string) {
  const sent = Promise.withResolvers<{ readonly headers: Record<string, string>; readonly path: string }>()
  client.middlewareStack.add(
    () => async args => {
      const request = z
        .looseObject({ headers: z.record(z.string(), z.string()), path: z.string() })
        .parse(args.request)
      sent.resolve({ headers: request.headers, path: `${request.path}?x-id=GetObject` })
      throw new Error('seen')
    },
    { step: 'finalizeRequest', priority: 'low' },
  )
  await client.send(new GetObjectCommand({ Bucket: bucket, Key: key })).catch(() => undefined)
  return sent.promise
}
