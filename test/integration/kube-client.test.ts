import { afterAll, beforeAll, expect, test } from 'vitest'
import { findFreePorts } from '../../sandbox/src/kubernetes/ports.ts'
import { type KubeClient, openKubeClient } from '../../src/kube/client.ts'
import { compareWithLive } from '../../src/kube/drift.ts'
import type { KubeObject } from '../../src/kube/objects.ts'
import { standsAsDeclared } from '../../src/kube/standing.ts'
import { startControlPlane, startReviewer, type TestControlPlane } from '../support/control-plane.ts'
import { eventually } from '../support/processes.ts'

let plane: TestControlPlane
let client: KubeClient
const signal = new AbortController().signal

beforeAll(async () => {
  plane = await startControlPlane('controllers')
  client = await open()
})
afterAll(() => plane?.stop())

const open = (options: Partial<Parameters<typeof openKubeClient>[0]> = {}) =>
  openKubeClient({ cloud: 'aws', access: plane.access, token: async () => plane.token(), signal, ...options })

const configMap = (name: string, data: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
})
const ref = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', name, namespace: 'default' })

test('reads the version of a real API server', async () => {
  expect(await client.version()).toMatch(/^v1\.35\./)
})

test('applies, reads, lists and deletes', async () => {
  await client.apply(configMap('one', { a: '1' }))
  const applied = await client.apply(configMap('one', { a: '2' }))
  expect((await client.get(ref('one')))?.['data']).toEqual({ a: '2' })
  expect(applied.metadata.managedFields?.map(entry => entry.manager)).toEqual(['mlp'])
  expect(
    (await client.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default' })).map(
      o => o.metadata.name,
    ),
  ).toContain('one')
  expect(await client.delete(ref('one'))).toBe(true)
  expect(await client.delete(ref('one'))).toBe(false)
  expect(await client.get(ref('one'))).toBeUndefined()
})

test('a dry run changes nothing', async () => {
  await client.apply(configMap('dry', { a: '1' }), { dryRun: true })
  expect(await client.get(ref('dry'))).toBeUndefined()
})

test('a kind that mlp does not know by itself is found', async () => {
  const roles = await client.list({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole' })
  expect(roles.map(role => role.metadata.name)).toContain('cluster-admin')
})

test('what the live object tells of a difference is what a dry run tells', async () => {
  const stands = async (declared: KubeObject) => {
    const live = await client.get(ref('judged'))
    if (live === undefined) throw new Error('the object is not there')
    const byDryRun = await client.apply(declared, { dryRun: true })
    expect(await compareWithLive(client, declared, live)).toMatchObject({
      state: standsAsDeclared(declared, live) ? 'present' : 'drifted',
    })
    return { byItself: standsAsDeclared(declared, live), byDryRun: sameData(live, byDryRun) }
  }
  const sameData = (one: KubeObject, other: KubeObject) =>
    JSON.stringify([one['data'], one.metadata.labels]) ===
    JSON.stringify([other['data'], other.metadata.labels])
  const declared = configMap('judged', { a: '1', b: '2' })
  await client.apply(declared)
  expect(await stands(declared)).toEqual({ byItself: true, byDryRun: true })
  expect(await stands(configMap('judged', { a: '1' }))).toEqual({ byItself: false, byDryRun: false })
  expect(await stands(configMap('judged', { a: '1', b: '3' }))).toEqual({ byItself: false, byDryRun: false })
  await plane.admin.apply({ ...declared, data: { theirs: 'x' } })
  expect(await stands(declared)).toEqual({ byItself: true, byDryRun: true })
})

test('a foreign field owner is named and nothing is overrun, unless forced', async () => {
  await plane.admin.apply(configMap('contested', { log_level: 'DEBUG' }))
  await expect(client.apply(configMap('contested', { log_level: 'INFO' }))).rejects.toMatchObject({
    code: 'MLP4010',
    message: expect.stringContaining('ConfigMap default/contested'),
    detail: '.data.log_level is owned by sandbox',
  })
  expect((await client.get(ref('contested')))?.['data']).toEqual({ log_level: 'DEBUG' })
  await client.apply(configMap('contested', { log_level: 'INFO' }), { force: true })
  expect((await client.get(ref('contested')))?.['data']).toEqual({ log_level: 'INFO' })
})

test('does not delete another object that has taken the name', async () => {
  await client.apply(configMap('recreated', {}))
  expect(await client.delete(ref('recreated'), 'b5a0c1f2-0000-4000-8000-000000000000')).toBe(false)
  expect(await client.get(ref('recreated'))).toBeDefined()
})

test('waits by watching, and gives up at the deadline', async () => {
  const waiting = client.waitFor(ref('awaited'), {
    what: 'its data',
    timeoutMs: 20_000,
    done: object => object !== undefined && 'data' in object,
  })
  await client.apply(configMap('awaited', {}))
  await client.apply(configMap('awaited', { here: 'yes' }))
  expect((await waiting)?.['data']).toEqual({ here: 'yes' })
  await expect(
    client.waitFor(ref('never'), { what: 'never', timeoutMs: 300, done: object => object !== undefined }),
  ).rejects.toMatchObject({ code: 'MLP4011' })
})

test('what keeps a namespace from going is told in the cluster’s own words', async () => {
  const held: KubeObject = {
    ...configMap('held', {}),
    metadata: { name: 'held', namespace: 'stays', finalizers: ['example.com/kept'] },
  }
  const namespace = { apiVersion: 'v1', kind: 'Namespace', name: 'stays' }
  await client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'stays' } })
  await client.apply(held)
  await client.delete(namespace)
  await eventually('the namespace controller to have looked', async () => {
    const said = JSON.stringify((await client.get(namespace))?.['status'])
    return said.includes('NamespaceFinalizersRemaining') || undefined
  })
  await expect(
    client.waitFor(namespace, { what: 'its end', timeoutMs: 300, done: seen => seen === undefined }),
  ).rejects.toMatchObject({
    code: 'MLP4011',
    detail: expect.stringMatching(/Namespace.*stays.*being deleted since.*configmaps.*example\.com\/kept/),
  })
  await client.apply({ ...held, metadata: { name: 'held', namespace: 'stays', finalizers: [] } })
  await client.waitFor(namespace, { what: 'its end', timeoutMs: 60_000, done: seen => seen === undefined })
})

test('a watch that the API server’s death breaks off is taken up again', async () => {
  await client.apply(configMap('survivor', {}))
  const waiting = client.waitFor(ref('survivor'), {
    what: 'its data',
    timeoutMs: 60_000,
    done: object => object !== undefined && 'data' in object,
  })
  process.kill(plane.pid('kube-apiserver') ?? 0, 'SIGKILL')
  await client.apply(configMap('survivor', { back: 'yes' }))
  expect((await waiting)?.['data']).toEqual({ back: 'yes' })
})

test('answers what an identity may do', async () => {
  const question = { verb: 'create', group: '', resource: 'namespaces' }
  expect((await client.may(question)).allowed).toBe(true)
  const nobody = await open({ token: async () => plane.token({ user: 'nobody' }) })
  expect((await nobody.may(question)).allowed).toBe(false)
  await expect(nobody.apply(configMap('x', {}))).rejects.toMatchObject({ code: 'MLP4004' })
})

test('an expired token is renewed once, then reported', async () => {
  const lifetimes = [-1, 900_000]
  const renewing = await open({
    token: async () => ({
      ...plane.token({ lifetimeMs: lifetimes.shift() ?? -1 }),
      expiresAt: '2999-01-01T00:00:00Z',
    }),
  })
  expect(await renewing.get(ref('contested'))).toBeDefined()
  const expired = await open({ token: async () => plane.token({ lifetimeMs: -1 }) })
  await expect(expired.get(ref('contested'))).rejects.toMatchObject({
    code: 'MLP4003',
    remedy: expect.arrayContaining(['mlp login aws']),
  })
})

test('another authority’s certificate is refused', async () => {
  const stranger = await startReviewer()
  const access = { ...plane.access, certificateAuthorityPem: stranger.of('x').caPem }
  await stranger.stop()
  await expect((await open({ access })).version()).rejects.toMatchObject({ code: 'MLP4002' })
})

test('an endpoint that nobody listens on is told as such', async () => {
  const [port] = await findFreePorts(1, new Set())
  const gone = await open({
    access: { ...plane.access, endpoint: `https://127.0.0.1:${port}` },
    patienceMs: 300,
  })
  await expect(gone.version()).rejects.toMatchObject({
    code: 'MLP4001',
    detail: expect.stringContaining('ECONNREFUSED'),
  })
})

test('an unknown field is refused, as `kubectl apply --validate=strict` does', async () => {
  await expect(client.apply({ ...configMap('typo', {}), dta: {} })).rejects.toMatchObject({ code: 'MLP4006' })
})
