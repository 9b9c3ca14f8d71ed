import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import type { Cloud } from '../../src/clouds/cloud.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { type KubeClient, openKubeClient } from '../../src/kube/client.ts'
import { type KubeObject, refOf } from '../../src/kube/objects.ts'
import { declarations as namespaceDeclarations } from '../../src/phases/2-kubernetes/declarations.ts'
import { objectStep } from '../../src/phases/2-kubernetes/object-step.ts'
import { readinessPhase } from '../../src/phases/8-readiness/index.ts'
import type { Context } from '../../src/phases/phase.ts'
import { testBackups } from '../support/backups.ts'
import { testContext } from '../support/context.ts'
import { startControlPlane, type TestControlPlane } from '../support/control-plane.ts'
import { eventually } from '../support/processes.ts'

// A real API server and controller manager judge what phase 8 applies; nodes and pods are played, and no network.
const base = defaultSandboxConfig('dev')
const config = {
  ...base,
  access: { operators: { gcp: ['ops@example.com'] }, admins: { aws: ['arn:aws:iam::111122223333:role/a'] } },
}
const folderOf = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const reviewSchema = z.looseObject({ status: z.looseObject({ allowed: z.boolean() }) })
const progress = { report: () => {} }

let plane: TestControlPlane
let folder: string
let client: KubeClient
const backups = testBackups()

const cloudNamed = (cloud: 'aws' | 'gcp') =>
  new Proxy({} as Cloud, {
    get(_target, name) {
      const asked: Partial<Cloud> = {
        name: cloud,
        title: cloud,
        region: 'somewhere',
        cluster: async () => plane.access,
        token: async () => plane.token(),
        backups: () => backups,
      }
      if (name in asked) return Reflect.get(asked, name)
      throw new Error(`phase 8 asked the cloud for ${String(name)}`)
    },
  })

function context(cloud: 'aws' | 'gcp' = 'aws'): Context {
  return testContext({
    config,
    clouds: new Map([[cloud, cloudNamed(cloud)]]),
    home: folder,
    platformFolder: folder,
    mlpPath: folderOf('bin/mlp.js'),
  })
}

const steps = readinessPhase.steps(config).filter(({ cloud }) => cloud === 'aws')
const step = (name: string) => {
  const found = steps.find(candidate => candidate.id === `8.aws.${name}`)
  if (found === undefined) throw new Error(`no step ${name}`)
  return found
}
const checks = () => readinessPhase.checks(config, context().clouds)
async function found(name: string) {
  const check = checks().find(candidate => candidate.id === `8.aws.${name}`)
  if (check === undefined) throw new Error(`no check ${name}`)
  return await check.run(context())
}
async function applyAll(): Promise<void> {
  for (const each of steps) await each.apply(context(), progress)
}
const list = (apiVersion: string, kind: string) => client.list({ apiVersion, kind })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-phase-8-'))
  plane = await startControlPlane('nodes')
  client = openKubeClient({
    cloud: 'aws',
    access: plane.access,
    token: async () => plane.token(),
    signal: new AbortController().signal,
  })
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'played' } }
  await client.apply({ ...node, metadata: { name: 'played', annotations: { 'mlp.dev/simulated': 'true' } } })
  const room = { cpu: '1930m', memory: '7934212Ki', pods: '110' }
  await plane.admin.apply({ ...node, status: { capacity: room, allocatable: room } }, 'status')
  const namespaces = namespaceDeclarations.find(({ name }) => name === 'namespaces')
  if (namespaces === undefined) throw new Error('phase 2 makes no namespaces')
  await objectStep('aws', namespaces).apply(context(), progress)
}, 300_000)
afterAll(async () => {
  await plane?.stop()
  await rm(folder, { recursive: true, force: true })
})

describe('phase 8 in a cluster', () => {
  test('before it, every step is absent and every check of an object fails', async () => {
    for (const each of steps) expect((await each.status(context())).state, each.id).toBe('absent')
    for (const name of ['network-policies', 'quotas', 'roles', 'autoscalers', 'pod-security'])
      expect((await found(name)).status, name).toBe('fail')
  })

  test('applied, it stands as declared, and a second look finds nothing to do', async () => {
    await applyAll()
    for (const each of steps) {
      const status = await each.status(context())
      expect(status, each.id).toMatchObject({ state: 'present' })
    }
  }, 120_000)

  test('what has no effect on played nodes is told as simulated', async () => {
    expect(await found('network-policies')).toMatchObject({
      status: 'warn',
      detail: expect.stringContaining('simulated'),
    })
    expect((await found('autoscalers')).status).toBe('warn')
    for (const name of ['quotas', 'roles', 'pod-security'])
      expect(await found(name), name).toMatchObject({ status: 'pass' })
  })

  test('quotas are shares of what the cluster has when it has grown', async () => {
    const quota = await client.get({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      name: 'ml-platform',
      namespace: 'ml-platform',
    })
    const { hard } = z
      .object({ hard: z.record(z.string(), z.string()) })
      .loose()
      .parse(quota?.['spec'])
    // Ten nodes of 1.93 CPUs and 7748.25 Mi each, of which 45 %.
    expect(hard).toMatchObject({
      'requests.cpu': '8',
      'requests.memory': '34867Mi',
      'services.loadbalancers': '0',
    })
  })

  const taken: readonly (readonly [string, string, string])[] = [
    ['network-policies', 'networking.k8s.io/v1', 'NetworkPolicy'],
    ['quotas', 'v1', 'ResourceQuota'],
    ['quotas', 'v1', 'LimitRange'],
    ['roles', 'rbac.authorization.k8s.io/v1', 'RoleBinding'],
    ['roles', 'rbac.authorization.k8s.io/v1', 'ClusterRoleBinding'],
    ['roles', 'rbac.authorization.k8s.io/v1', 'ClusterRole'],
    ['autoscalers', 'autoscaling/v2', 'HorizontalPodAutoscaler'],
  ]
  test.each(taken)(
    '%s: a %s %s taken away by hand is seen by name, and made anew',
    async (name, version, kind) => {
      const selector = { labelSelector: `mlp.dev/step=${name}` }
      const [first] = await client.list({ apiVersion: version, kind, ...selector })
      if (first === undefined) throw new Error(`no ${kind}`)
      await client.delete(refOf(first))
      expect(await found(name)).toMatchObject({
        status: 'fail',
        detail: expect.stringContaining(first.metadata.name),
        remedy: ['mlp phase 8 --cloud aws'],
      })
      expect((await step(name).status(context())).state).toBe('partial')
      await step(name).apply(context(), progress)
      expect((await step(name).status(context())).state).toBe('present')
    },
  )

  test('pod-security: a level taken away by hand is seen, and enforced again', async () => {
    const namespace = { apiVersion: 'v1', kind: 'Namespace', name: 'ml-serving' }
    await client.setLabels(namespace, { 'pod-security.kubernetes.io/enforce': null })
    expect(await found('pod-security')).toMatchObject({
      status: 'fail',
      detail: 'not enforced in ml-serving',
    })
    await step('pod-security').apply(context(), progress)
    expect((await found('pod-security')).status).toBe('pass')
  })

  test('pod-security: what phase 2 declares of a namespace stays as it is', async () => {
    const namespaces = namespaceDeclarations.find(({ name }) => name === 'namespaces')
    if (namespaces === undefined) throw new Error('phase 2 makes no namespaces')
    expect((await objectStep('aws', namespaces).status(context())).state).toBe('present')
    await objectStep('aws', namespaces).apply(context(), progress)
    expect((await found('pod-security')).status).toBe('pass')
  })

  test('pod-security: where pods would be refused nothing is enforced, and they are named', async () => {
    const namespace = { apiVersion: 'v1', kind: 'Namespace', name: 'ml-serving' }
    await client.setLabels(namespace, { 'pod-security.kubernetes.io/enforce': null })
    const pod: KubeObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'privileged', namespace: 'ml-serving' },
      spec: { containers: [{ name: 'all', image: 'nobody/knows', securityContext: { privileged: true } }] },
    }
    // The API server judges by what it has heard of, and hears of a label, and of a pod, a moment later.
    await eventually('a privileged pod to be let in', () => client.apply(pod).catch(() => undefined))
    const refused = await eventually('the pod to be refused', async () => {
      try {
        await step('pod-security').apply(context(), progress)
      } catch (error) {
        return error
      }
      await client.setLabels(namespace, { 'pod-security.kubernetes.io/enforce': null })
      return undefined
    })
    expect(refused).toMatchObject({
      code: 'MLP4070',
      detail: expect.stringContaining('privileged'),
    })
    expect(await found('pod-security')).toMatchObject({ status: 'fail' })
    await client.delete(refOf(pod))
    await client.waitFor(refOf(pod), { what: 'its end', timeoutMs: 60_000, done: live => live === undefined })
    await step('pod-security').apply(context(), progress)
  }, 120_000)

  test('roles: each group may do what it is for, and no more', async () => {
    const questions: readonly (readonly [string, string, string, string, boolean])[] = [
      ['viewers', 'list', 'pods', '', true],
      ['viewers', 'get', 'secrets', '', false],
      ['viewers', 'delete', 'pods', '', false],
      ['viewers', 'create', 'pods/exec', '', false],
      ['operators', 'list', 'pods', '', true],
      ['operators', 'delete', 'pods', '', true],
      ['operators', 'patch', 'deployments', 'apps', true],
      ['operators', 'get', 'secrets', '', false],
      ['operators', 'create', 'pods/exec', '', false],
      ['admins', 'get', 'secrets', '', true],
      ['admins', 'create', 'pods/exec', '', true],
      ['admins', 'patch', 'deployments', 'apps', true],
      ['admins', 'escalate', 'clusterroles', 'rbac.authorization.k8s.io', false],
      ['admins', 'create', 'clusterrolebindings', 'rbac.authorization.k8s.io', false],
    ]
    for (const [group, verb, resource, apiGroup, expected] of questions) {
      const [name = '', subresource] = resource.split('/')
      const resourceAttributes = {
        verb,
        group: apiGroup,
        resource: name,
        namespace: 'ml-platform',
        ...(subresource === undefined ? {} : { subresource }),
      }
      const review = await plane.admin.call('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user: 'somebody', groups: [`ml-platform:${group}`], resourceAttributes },
      })
      const answer = reviewSchema.parse(review).status.allowed
      expect(answer, `${group} ${verb} ${resource}`).toBe(expected)
    }
  })

  test('roles: groups of mlp.yaml are bound in their own cloud’s cluster', async () => {
    const gcp = readinessPhase.steps(config).find(each => each.id === '8.gcp.roles')
    await gcp?.apply(context('gcp'), progress)
    const bound = JSON.stringify(await list('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding'))
    expect(bound).toContain('ops@example.com')
    await step('roles').apply(context(), progress)
    const own = JSON.stringify(await list('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding'))
    expect(own).not.toContain('ops@example.com')
    // A principal of AWS gets its groups by an access entry (phase 1).
    expect(own).not.toContain('arn:aws')
  })

  test('access-audit: who got a right that nobody meant to give is named with the role', async () => {
    expect(await found('access-audit')).toMatchObject({
      status: 'pass',
      detail: expect.stringContaining('Group ml-platform:admins can read secrets'),
    })
    const binding: KubeObject = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'too-much' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
    }
    await client.apply(binding)
    expect(await found('access-audit')).toMatchObject({
      status: 'warn',
      detail: expect.stringContaining(
        'ServiceAccount default/default can read secrets (everywhere; ClusterRole edit)',
      ),
    })
    await client.delete(refOf(binding))
  })

  test('taken back, nothing of it is there, and the namespaces are as phase 2 made them', async () => {
    for (const each of steps.toReversed()) {
      const undone = await each.undo?.(context(), progress)
      expect(undone?.left, each.id).toEqual([])
    }
    for (const each of steps) expect((await each.status(context())).state, each.id).toBe('absent')
    for (const [, version, kind] of taken)
      expect(
        (await list(version, kind)).filter(({ metadata }) => metadata.labels?.['mlp.dev/step'] !== undefined),
        kind,
      ).toEqual([])
  }, 120_000)
})
