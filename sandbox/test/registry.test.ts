import { mkdtemp, rm, stat } from 'node:fs/promises'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../../test/support/processes.ts'
import { program } from '../../test/support/programs.ts'
import { issueToken as issueEntraToken } from '../src/clouds/azure/tokens.ts'
import { issueToken as issueGoogleToken } from '../src/clouds/gcp/tokens.ts'
import { openHome } from '../src/home.ts'
import { startHostProxy } from '../src/http/host-proxy.ts'
import { openSupervisor, type Supervisor } from '../src/processes/supervisor.ts'
import { acrAudience } from '../src/registry/acr.ts'
import { ecrAuthorization } from '../src/registry/ecr.ts'
import { type ImageStore, imageStoreProcess, openImageStore } from '../src/registry/image-store.ts'
import { findImage, forgetImages, imagesBelow } from '../src/registry/images.ts'
import { openRegistryListener } from '../src/registry/listener.ts'
import { issueRegistryToken } from '../src/registry/signed-token.ts'
import { openSqliteStore } from '../src/store/sqlite-store.ts'
import type { World } from '../src/world.ts'
import {
  askRegistry,
  type BuiltImage,
  basic,
  buildImage,
  manifestType,
  pushImage,
  type RegistryClient,
} from './image-fixture.ts'
import { fakeWorld } from './terraform-harness.ts'

let folder: string
let world: World
let supervisor: Supervisor
let images: ImageStore
let proxy: Server
let client: RegistryClient
let first: BuiltImage
let second: BuiltImage
let closeStore: () => void

const ecr = () => `${world.secrets.awsAccountId}.dkr.ecr.us-east-1.amazonaws.com`
const google = 'us-central1-docker.pkg.dev'
const acr = 'mlpregistry.azurecr.io'
const ecrLogin = () => {
  const [data] = (
    ecrAuthorization(world, 'us-east-1') as { authorizationData: { authorizationToken: string }[] }
  ).authorizationData
  return `Basic ${data?.authorizationToken}`
}
const googleLogin = () => basic('oauth2accesstoken', issueGoogleToken(world, 600))

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-registry-'))
  const home = await openHome(folder)
  const store = openSqliteStore(join(folder, 'store.sqlite'))
  closeStore = () => store[Symbol.dispose]()
  world = { ...fakeWorld(folder, store, 0, () => {}), secrets: home.secrets }
  supervisor = await openSupervisor(join(folder, 'processes'), () => {})
  images = openImageStore({
    home: folder,
    socketFolder: home.socketFolder,
    program: () => program('registry'),
    processes: supervisor,
    store,
    bringUp: (_name, start) => start(),
    log: () => {},
  })
  const listener = openRegistryListener(world, home.authority, images)
  proxy = await startHostProxy({
    port: home.ports.proxy,
    blobPort: home.ports.blob,
    hasAccount: () => false,
    acceptGithub: () => false,
    acceptRegistry: listener.accept,
    balancer: () => undefined,
  })
  client = { proxyPort: home.ports.proxy, ca: home.authority.certificatePem }
  store.put('aws_ecr_repository', 'team/web', {
    arn: `arn:aws:ecr:us-east-1:${world.secrets.awsAccountId}:repository/team/web`,
    image_tag_mutability: 'IMMUTABLE',
  })
  store.put(
    'google_artifact_registry_repository',
    `projects/${world.secrets.gcpProjectId}/locations/us-central1/repositories/team`,
    { docker_config: [{ immutable_tags: true }] },
  )
  const group = '/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries'
  store.put('azurerm_container_registry', `${group}/mlpRegistry`, { name: 'mlpRegistry' })
  first = await buildImage({ files: { 'app/a.txt': 'first' }, config: { Cmd: ['/a'] } })
  second = await buildImage({ files: { 'app/a.txt': 'second' }, config: { Cmd: ['/a'] } })
})
afterAll(async () => {
  images?.close()
  proxy?.close()
  proxy?.closeAllConnections()
  await supervisor?.stopAll()
  supervisor?.detach()
  closeStore?.()
  await rm(folder, { recursive: true, force: true })
})

test('nothing runs before something is pushed', async () => {
  expect((await askRegistry(client, 'GET', `https://${ecr()}/v2/`)).status).toBe(401)
  expect(supervisor.pid(imageStoreProcess)).toBeUndefined()
})

test.each(['registry-1.docker.io', 'other.azurecr.io', '000000000000.dkr.ecr.us-east-1.amazonaws.com'])(
  '%s is no registry of this sandbox',
  async host => {
    await expect(askRegistry(client, 'GET', `https://${host}/v2/`)).rejects.toThrow(
      /the proxy answers (403|502)/,
    )
  },
)

describe('ECR', () => {
  test('takes an image after its own login, and its API shows it', async () => {
    await pushImage(client, first, {
      host: ecr(),
      repository: 'team/web',
      reference: 'v1',
      authorization: ecrLogin(),
    })
    const [image] = imagesBelow(world.store, 'aws')
    expect(image).toMatchObject({ digest: first.digest, tags: ['v1'] })
    const pulled = await askRegistry(client, 'GET', `https://${ecr()}/v2/team/web/manifests/v1`, {
      authorization: ecrLogin(),
      accept: manifestType,
    })
    expect(pulled.body).toBe(first.manifest.toString('utf8'))
    const tags = await askRegistry(client, 'GET', `https://${ecr()}/v2/team/web/tags/list`, {
      authorization: ecrLogin(),
    })
    expect(JSON.parse(tags.body)).toEqual({ name: 'team/web', tags: ['v1'] })
  })

  test('keeps an immutable tag where it is, and takes the same image again', async () => {
    const to = { host: ecr(), repository: 'team/web', reference: 'v1', authorization: ecrLogin() }
    await expect(pushImage(client, second, to)).rejects.toThrow(
      "The image tag 'v1' already exists in the 'team/web' repository and cannot be overwritten because the tag is immutable.",
    )
    await pushImage(client, first, to)
  })

  test('knows no repository that was not made', async () => {
    await expect(
      pushImage(client, first, { host: ecr(), repository: 'team/other', authorization: ecrLogin() }),
    ).rejects.toThrow(/404 .*The repository with name 'team\/other' does not exist in the registry/)
  })

  test.each([
    ['no password', () => undefined, 401, 'Not Authorized'],
    ['another user', () => basic('root', issueRegistryToken(world, 'ecr', 60)), 403, 'Not Authorized'],
    ['an expired password', () => basic('AWS', issueRegistryToken(world, 'ecr', -1)), 403, 'has expired'],
    ['a token of another cloud', googleLogin, 403, 'Not Authorized'],
  ])('refuses %s', async (_what, login, status, message) => {
    const authorization = login()
    const answer = await askRegistry(
      client,
      'GET',
      `https://${ecr()}/v2/team/web/manifests/v1`,
      authorization === undefined ? {} : { authorization },
    )
    expect(answer).toMatchObject({ status, body: expect.stringContaining(message) })
  })
})

describe('Artifact Registry', () => {
  const repository = () => `${world.secrets.gcpProjectId}/team/web`

  test('takes access tokens as Basic, and exchanged for one of its own as the Docker client does', async () => {
    await pushImage(client, first, {
      host: google,
      repository: repository(),
      reference: 'v1',
      authorization: googleLogin(),
    })
    const challenge = await askRegistry(client, 'GET', `https://${google}/v2/`)
    expect(challenge.headers['www-authenticate']).toBe(
      `Bearer realm="https://${google}/v2/token",service="${google}"`,
    )
    const { body } = await askRegistry(client, 'GET', `https://${google}/v2/token?service=${google}`, {
      authorization: googleLogin(),
    })
    const authorization = `Bearer ${JSON.parse(body).token}`
    const pulled = await askRegistry(
      client,
      'GET',
      `https://${google}/v2/${repository()}/manifests/${first.digest}`,
      { authorization, accept: manifestType },
    )
    expect(pulled.status).toBe(200)
  })

  test('knows no repository that was not made, and moves no immutable tag', async () => {
    const project = world.secrets.gcpProjectId
    const to = { host: google, authorization: googleLogin() }
    await expect(pushImage(client, first, { ...to, repository: `${project}/other/web` })).rejects.toThrow(
      /404 .*Repository \\"other\\" not found/,
    )
    await expect(
      pushImage(client, second, { ...to, repository: repository(), reference: 'v1' }),
    ).rejects.toThrow(/immutable tags/)
  })
})

describe('ACR', () => {
  test('exchanges an Entra token for a refresh token, that for an access token, and makes repositories by pushing', async () => {
    const form = (fields: Readonly<Record<string, string>>) => new URLSearchParams(fields).toString()
    const post = async (path: string, fields: Readonly<Record<string, string>>) =>
      askRegistry(
        client,
        'POST',
        `https://${acr}${path}`,
        { 'content-type': 'application/x-www-form-urlencoded' },
        form(fields),
      )
    const exchange = { grant_type: 'access_token', service: acr }
    const { token: entra } = issueEntraToken(world, acrAudience)
    const foreign = issueEntraToken(world, 'https://storage.azure.com').token
    expect((await post('/oauth2/exchange', { ...exchange, access_token: foreign })).status).toBe(401)
    const refresh = JSON.parse((await post('/oauth2/exchange', { ...exchange, access_token: entra })).body)
    const access = JSON.parse(
      (
        await post('/oauth2/token', {
          grant_type: 'refresh_token',
          service: acr,
          scope: 'repository:team/web:pull,push',
          refresh_token: refresh.refresh_token,
        })
      ).body,
    )
    const authorization = `Bearer ${access.access_token}`
    await pushImage(client, first, { host: acr, repository: 'team/web', reference: 'v1', authorization })
    await pushImage(client, second, { host: acr, repository: 'team/web', reference: 'v1', authorization })
    expect(findImage(world.store, 'azure/mlpregistry/team/web', 'v1')?.digest).toBe(second.digest)
    const catalog = await askRegistry(client, 'GET', `https://${acr}/v2/_catalog`, { authorization })
    expect(JSON.parse(catalog.body)).toEqual({ repositories: ['team/web'] })
  })
})

test('contents survive a kill, and each cloud has its own', async () => {
  const killed = supervisor.pid(imageStoreProcess) ?? 0
  process.kill(killed, 'SIGKILL')
  await eventually('another process', () => {
    const now = supervisor.pid(imageStoreProcess)
    return now !== undefined && now !== killed ? now : undefined
  })
  const headers = { authorization: ecrLogin(), accept: manifestType }
  const url = (digest: string) => `https://${ecr()}/v2/team/web/manifests/${digest}`
  expect((await askRegistry(client, 'GET', url(first.digest), headers)).status).toBe(200)
  expect((await askRegistry(client, 'GET', url(second.digest), headers)).status).toBe(404)
})

test('after the last image the process ends and its data goes, and a push brings both back', async () => {
  const later = Date.now() + 3_600_000
  await images.sweep(later)
  expect(supervisor.pid(imageStoreProcess)).toBeDefined()
  for (const cloud of ['aws', 'gcp', 'azure']) forgetImages(world.store, imagesBelow(world.store, cloud))
  await images.sweep(later)
  expect(supervisor.pid(imageStoreProcess)).toBeUndefined()
  await expect(stat(join(folder, 'emulators', 'images'))).rejects.toThrow('ENOENT')
  const to = { host: ecr(), repository: 'team/web', reference: 'v2', authorization: ecrLogin() }
  await pushImage(client, second, to)
})
