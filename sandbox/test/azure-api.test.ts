import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { access, readFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { Server } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import type { Cloud } from '../../src/clouds/cloud.ts'
import type { CloudTarget } from '../../src/clouds/target.ts'
import { azure } from '../src/clouds/azure/index.ts'
import { servicePrincipalObjectId } from '../src/clouds/azure/principal.ts'
import { issueToken } from '../src/clouds/azure/tokens.ts'
import { startHostProxy } from '../src/http/host-proxy.ts'
import { type AzureFixture, azureTestConfig, startAzure } from './azure-fixtures.ts'

const signal = AbortSignal.timeout(300_000)
const config = azureTestConfig()
let fixture: AzureFixture
let base: string
let subscription: string

beforeAll(async () => {
  fixture = await startAzure()
  base = fixture.harness.world.endpoints.azure
  subscription = `/subscriptions/${fixture.harness.world.secrets.azureSubscriptionId}`
}, 30_000)
afterAll(async () => fixture[Symbol.asyncDispose]())

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

const errorSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) })

async function callArm(method: string, path: string, options: { token?: string; body?: object } = {}) {
  const token = options.token ?? issueToken(fixture.harness.world, 'https://management.azure.com').token
  const response = await fetch(`${base}${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(options.body ? { body: JSON.stringify(options.body) } : {}),
  })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? undefined : JSON.parse(text),
  }
}

describe('Entra', () => {
  const askToken = async (form: Readonly<Record<string, string>>, tenant?: string) => {
    const { azureTenantId, azureClientId, azureClientSecret } = fixture.harness.world.secrets
    const response = await fetch(`${base}/${tenant ?? azureTenantId}/oauth2/v2.0/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: azureClientId,
        client_secret: azureClientSecret,
        scope: 'https://management.azure.com/.default',
        ...form,
      }),
    })
    return { status: response.status, body: z.record(z.string(), z.unknown()).parse(await response.json()) }
  }

  test('gives its service principal a token', async () => {
    const { status, body } = await askToken({})
    expect(status).toBe(200)
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 3599 })
  })

  test.each([
    ['a wrong secret', { client_secret: 'guess' }, undefined, 401, 'AADSTS7000215'],
    ['an unknown client', { client_id: 'nobody' }, undefined, 400, 'AADSTS700016'],
    ['an unknown tenant', {}, '11111111-1111-4111-8111-111111111111', 400, 'AADSTS90002'],
    ['an unknown resource', { scope: 'https://graph.microsoft.com/.default' }, undefined, 400, 'AADSTS70011'],
    ['a user’s password', { grant_type: 'password' }, undefined, 400, 'AADSTS70003'],
  ] as const)('refuses %s', async (_, form, tenant, status, code) => {
    const answer = await askToken(form, tenant)
    expect(answer.status).toBe(status)
    expect(String(answer.body['error_description'])).toContain(code)
  })
})

describe('Resource Manager refuses', () => {
  test('a request without a token', async () => {
    const { status, body } = await callArm('GET', '/subscriptions', { token: '' })
    expect([status, errorSchema.parse(body).error.code]).toEqual([401, 'AuthenticationFailed'])
  })
  test('a token for another audience', async () => {
    const { token } = issueToken(fixture.harness.world, 'https://storage.azure.com')
    const { status, body } = await callArm('GET', '/subscriptions', { token })
    expect([status, errorSchema.parse(body).error.code]).toEqual([401, 'InvalidAuthenticationTokenAudience'])
  })
  test('a token that was tampered with', async () => {
    const { token } = issueToken(fixture.harness.world, 'https://management.azure.com')
    const { body } = await callArm('GET', '/subscriptions', { token: `${token.slice(0, -4)}AAAA` })
    expect(errorSchema.parse(body).error.code).toBe('InvalidAuthenticationToken')
  })
  test('a subscription it does not know', async () => {
    const { body } = await callArm(
      'GET',
      '/subscriptions/22222222-2222-4222-8222-222222222222/resourcegroups',
    )
    expect(errorSchema.parse(body).error.code).toBe('SubscriptionNotFound')
  })
  test('what a namespace without its provider registered would hold', async () => {
    const path = `${subscription}/resourceGroups/plain`
    expect((await callArm('PUT', path, { body: { location: 'eastus' } })).status).toBe(201)
    const { body } = await callArm(
      'PUT',
      `${path}/providers/Microsoft.Storage/storageAccounts/plainaccount`,
      {
        body: { location: 'eastus', sku: { name: 'Standard_LRS' } },
      },
    )
    expect(errorSchema.parse(body).error.code).toBe('MissingSubscriptionRegistration')
    expect((await callArm('DELETE', path)).status).toBe(202)
    expect((await callArm('GET', path)).status).toBe(404)
  })
  test('a name that the service would refuse, and a body that is none', async () => {
    await callArm('POST', `${subscription}/providers/Microsoft.Storage/register`)
    await callArm('PUT', `${subscription}/resourceGroups/named`, { body: { location: 'eastus' } })
    const account = `${subscription}/resourceGroups/named/providers/Microsoft.Storage/storageAccounts`
    const refused = await callArm('PUT', `${account}/Not-Valid`, { body: { location: 'eastus' } })
    expect(errorSchema.parse(refused.body).error.message).toContain('lowercase letters and numbers')
  })
})

describe('a lock', () => {
  test('keeps its group and what is inside until it is lifted', async () => {
    const group = `${subscription}/resourceGroups/locked`
    await callArm('PUT', group, { body: { location: 'eastus' } })
    fixture.harness.world.store.put(
      'azurerm_management_lock',
      `${group}/providers/Microsoft.Authorization/locks/keep`,
      {
        id: `${group}/providers/Microsoft.Authorization/locks/keep`,
        name: 'keep',
        scope: group,
        lock_level: 'CanNotDelete',
      },
    )
    const refused = await callArm('DELETE', group)
    expect([refused.status, errorSchema.parse(refused.body).error.code]).toEqual([409, 'ScopeLocked'])
    expect((await callArm('DELETE', `${group}/providers/Microsoft.Authorization/locks/keep`)).status).toBe(
      202,
    )
    const removed = await callArm('DELETE', group)
    expect(removed.status).toBe(202)
    const operation = removed.headers.get('azure-asyncoperation') ?? ''
    expect((await callArm('GET', operation.slice(base.length))).body).toMatchObject({ status: 'Succeeded' })
  })
})

describe('the adapter', () => {
  const withTarget = (change: Partial<CloudTarget>): Cloud => fixture.cloud(config, change)
  const codeOf = async (work: Promise<unknown>) =>
    work.then(
      () => 'no error',
      (error: unknown) => z.object({ code: z.string() }).parse(error).code,
    )

  test('knows who it is and in which subscription', async () => {
    expect(await fixture.cloud(config).identity(signal)).toEqual({
      principal: fixture.harness.world.secrets.azureClientId,
      account: fixture.harness.world.secrets.azureSubscriptionId,
      validity: { kind: 'renewed' },
    })
  })
  test('names refused credentials MLP3001', async () => {
    const { environment } = azure.target(fixture.harness.world)
    const cloud = withTarget({ environment: { ...environment, AZURE_CLIENT_SECRET: 'guess' } })
    expect(await codeOf(cloud.identity(signal))).toBe('MLP3001')
  })
  test('names an endpoint that nobody answers MLP3002', { timeout: 60_000 }, async () => {
    const cloud = withTarget({ endpoints: { arm: 'https://127.0.0.1:9' } })
    expect(await codeOf(cloud.missingPreparations(signal))).toBe('MLP3002')
  })
  test('names a subscription that it may not see MLP3003', async () => {
    const foreign = azureTestConfig()
    const other = '33333333-3333-4333-8333-333333333333'
    const cloud = fixture.cloud({
      ...foreign,
      clouds: { azure: { ...(foreign.clouds.azure ?? expect.fail('no azure')), subscriptionId: other } },
    })
    expect(await codeOf(cloud.identity(signal))).toBe('MLP3003')
  })
  test('names the role on the state that an operator lacks who did not make it', async () => {
    const folder = dirname(fixture.caFile)
    const [cert, key] = await Promise.all(['cert.pem', 'key.pem'].map(name => readFile(join(folder, name))))
    // What Azure answers to an identity without a data role; azurite knows no roles.
    const blobs = createServer({ ...(cert && key ? { cert, key } : {}) }, (_request, response) => {
      response.writeHead(403, { 'x-ms-error-code': 'AuthorizationPermissionMismatch' }).end()
    }).listen(0, '127.0.0.1')
    await once(blobs, 'listening')
    const proxy = await startHostProxy({
      port: 0,
      blobPort: portOf(blobs),
      hasAccount: () => true,
      acceptGithub: () => false,
      acceptRegistry: () => false,
      balancer: () => undefined,
    })
    try {
      const { ARM_ACCESS_KEY: _, ...environment } = azure.target(fixture.harness.world).environment
      const cloud = withTarget({
        environment: { ...environment, HTTPS_PROXY: `http://127.0.0.1:${portOf(proxy)}` },
      })
      expect(await cloud.missingPreparations(signal)).toContain(
        'a role to write the state, for this identity',
      )
      expect(await fixture.cloud(config).missingPreparations(signal)).not.toContain(
        'a role to write the state, for this identity',
      )
    } finally {
      blobs.close()
      proxy.close()
    }
  })
  test('stops when it is interrupted', async () => {
    const interrupted = AbortSignal.abort()
    await expect(fixture.cloud(config).missingPreparations(interrupted)).rejects.toMatchObject({
      name: 'AbortError',
    })
  })
  test('finds nothing where nothing is', async () => {
    const cloud = fixture.cloud(config)
    expect(await cloud.cluster(signal)).toBeUndefined()
    for (const check of cloud.infrastructureChecks()) expect((await check.run(signal)).status).toBe('fail')
  })
  test('keeps credentials out of the backend’s settings', () => {
    const { config: settings, type } = fixture.cloud(config).backend('cluster')
    expect(type).toBe('azurerm')
    expect(JSON.stringify(settings)).not.toContain(fixture.harness.world.secrets.azureStorageAccountKey)
    expect(settings).toMatchObject({ key: 'cluster.tfstate', container_name: 'tfstate' })
    expect(withTarget({ environment: {} }).backend('cluster').config).toMatchObject({
      use_azuread_auth: true,
    })
  })
})

test('a token of a principal without the role is known but no administrator', async () => {
  const { token } = issueToken(fixture.harness.world, '6dae42f8-4368-4678-94ff-3960e28e3630')
  expect(await azure.reviewToken(token, 'no-such-cluster', fixture.harness.world)).toEqual({
    username: servicePrincipalObjectId(fixture.harness.world),
    groups: ['system:authenticated'],
  })
})

/** The official command line, where it is installed; MLP_AZ names one that is not on PATH. */
const az = process.env['MLP_AZ'] ?? 'az'
const hasAz = await promisify(execFile)(az, ['version', '--output', 'none'], { timeout: 60_000 }).then(
  () => true,
  () => false,
)

describe.skipIf(!hasAz)('the unmodified az', () => {
  test('lists what is there', { timeout: 180_000 }, async () => {
    await fixture.cloud(config).prepare(signal, () => {})
    const environment = azure.commandLineEnvironment(fixture.harness.world)
    await access(environment['AZURE_CONFIG_DIR'] ?? '')
    const run = async (...args: string[]) => {
      const { stdout } = await promisify(execFile)(az, [...args, '--output', 'json'], {
        env: { ...process.env, ...environment },
      })
      return z.array(z.looseObject({ name: z.string() })).parse(JSON.parse(stdout))
    }
    const accounts = await run('storage', 'account', 'list', '--query', "[?contains(name, 'mlplatform')]")
    expect(accounts.map(({ name }) => name)).toEqual([expect.stringMatching(/^mlplatformtfdev/)])
    expect(await run('aks', 'list')).toEqual([])
    const id = `${subscription}/resourceGroups/ml-platform-rg-dev/providers/Microsoft.ContainerService/managedClusters/ml-platform-aks-dev`
    await fixture.harness.world.clusters.create(
      'azure/ml-platform-aks-dev',
      { cloud: 'azure', name: 'ml-platform-aks-dev', version: '1.35', serviceCidr: '', podCidr: '' },
      () => {},
    )
    fixture.harness.world.store.put('azurerm_kubernetes_cluster', id, {
      ...{ id, name: 'ml-platform-aks-dev', resource_group_name: 'ml-platform-rg-dev', location: 'eastus' },
      ...{ kubernetes_version: '1.35', node_resource_group: 'ml-platform-rg-dev-nodes' },
      default_node_pool: [{ name: 'system', vm_size: 'Standard_D2s_v5', min_count: 1, max_count: 3 }],
    })
    expect(await run('aks', 'list')).toEqual([
      expect.objectContaining({ id, provisioningState: 'Succeeded' }),
    ])
    const kubeconfig = join(fixture.harness.world.home, 'from-az.kubeconfig')
    await promisify(execFile)(
      az,
      [
        'aks',
        'get-credentials',
        '--name',
        'ml-platform-aks-dev',
        '--resource-group',
        'ml-platform-rg-dev',
        '--file',
        kubeconfig,
      ],
      { env: { ...process.env, ...environment } },
    )
    expect(await readFile(kubeconfig, 'utf8')).toContain('kubelogin')
  })
})
