import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Cloud, CloudName } from '../../src/clouds/cloud.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { openKubeClient } from '../../src/kube/client.ts'
import { secretValues } from '../../src/kube/secret.ts'
import { keysStep, operatorKeyRef } from '../../src/phases/3-applications/keys-step.ts'
import type { Context } from '../../src/phases/phase.ts'
import { testContext } from '../support/context.ts'
import { startControlPlane, type TestControlPlane } from '../support/control-plane.ts'

const config = defaultSandboxConfig('dev')
const progress = { report: () => {} }
const signal = new AbortController().signal

const planes = new Map<CloudName, TestControlPlane>()
beforeAll(async () => {
  for (const cloud of ['aws', 'gcp'] as const) {
    const plane = await startControlPlane()
    planes.set(cloud, plane)
    await plane.admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ml-platform' } })
  }
})
afterAll(() => Promise.all([...planes.values()].map(plane => plane.stop())))

function planeOf(cloud: CloudName): TestControlPlane {
  const plane = planes.get(cloud)
  if (plane === undefined) throw new Error(`${cloud} is not part of this test`)
  return plane
}

/** All that these steps ask of a cloud is its cluster. */
function contextOf(...clouds: readonly CloudName[]): Context {
  const adapter = (name: CloudName): Partial<Cloud> => ({
    name,
    title: name,
    cluster: async () => planes.get(name)?.access,
    token: async () => planeOf(name).token(),
  })
  return testContext({ config, clouds: new Map(clouds.map(name => [name, adapter(name) as Cloud])) })
}

const secretOf = (cloud: CloudName, name: string) =>
  openKubeClient({
    ...{ cloud, access: planeOf(cloud).access, signal },
    token: async () => planeOf(cloud).token(),
  }).get({ ...operatorKeyRef, name })
const keyOf = async (cloud: CloudName) => secretValues(await secretOf(cloud, operatorKeyRef.name))['key']
const hashOf = async (cloud: CloudName) => {
  const file = secretValues(await secretOf(cloud, 'api-gateway-keys'))['clients.yaml'] ?? ''
  return parse(file).clients[0].keys[0].sha256
}

test('a key of one cloud opens the gateway of another, which stands in for it', async () => {
  const inAll = contextOf('aws', 'gcp', 'azure')
  await keysStep(config, 'aws').apply(inAll, progress)
  await keysStep(config, 'gcp').apply(inAll, progress)
  expect(await keyOf('aws')).toMatch(/^mlp_/)
  expect(await keyOf('gcp')).toBe(await keyOf('aws'))
  expect(await hashOf('gcp')).toBe(await hashOf('aws'))
})

test('the first cloud, made anew, takes the key that the others have', async () => {
  const before = await keyOf('gcp')
  for (const name of ['api-gateway-keys', operatorKeyRef.name])
    await planeOf('aws').admin.send('DELETE', `/api/v1/namespaces/ml-platform/secrets/${name}`)
  await keysStep(config, 'aws').apply(contextOf('aws', 'gcp'), progress)
  expect(await keyOf('aws')).toBe(before)
  expect(await hashOf('aws')).toBe(await hashOf('gcp'))
})

test('they are made one after the other: each would make its own', () => {
  expect(keysStep(config, 'aws').needs).not.toContain('3.gcp.keys')
  expect(keysStep(config, 'gcp').needs).toContain('3.aws.keys')
  expect(keysStep(config, 'azure').needs).toContain('3.aws.keys')
})
