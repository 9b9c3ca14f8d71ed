import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { createServer, request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findFreePorts } from '../../sandbox/src/kubernetes/ports.ts'
import { type Crane, withCrane } from '../../src/tools/crane.ts'
import { type BuiltImage, buildImage } from '../../src/tools/images/build.ts'
import { findImage, pushImage } from '../../src/tools/images/push.ts'
import { imageNames } from '../../src/tools/images/service-images.ts'
import { contentOf, manifests, sourcesHash } from '../../src/tools/images/sources.ts'
import { createTestProcesses, eventually } from '../support/processes.ts'
import { program } from '../support/programs.ts'

const run = promisify(execFile)
const packageRoot = fileURLToPath(new URL('../..', import.meta.url))
const context = { signal: new AbortController().signal, emit: () => {} }
const platform = process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64'

let folder: string
let crane: string
let image: BuiltImage
const reports: string[] = []

/** A copy of all that goes into an image, elsewhere and with other times. */
async function copySources(to: string): Promise<string> {
  for (const name of imageNames) {
    for (const path of [...manifests, ...contentOf(name), `services/${name}/Dockerfile`]) {
      await mkdir(dirname(join(to, path)), { recursive: true })
      await cp(join(packageRoot, path), join(to, path), { recursive: true })
      await utimes(join(to, path), new Date(1e9), new Date(1e9))
    }
  }
  return to
}

/** In a cache of its own, or in the user's, as `mlp bootstrap` has it. */
const build = (root: string, cache?: string) =>
  buildImage(context, 'api-gateway', {
    packageRoot: root,
    platform,
    ...(cache === undefined ? {} : { cache: join(folder, cache) }),
    crane,
    report: message => reports.push(message),
  })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-images-'))
  crane = await program('crane')
  image = await build(packageRoot)
}, 600_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('an image without a container engine', () => {
  test('the same sources in another folder give the same digest; changed ones another', async () => {
    const elsewhere = await copySources(join(folder, 'elsewhere'))
    const again = await build(elsewhere, 'elsewhere-cache')
    expect(again).toMatchObject({ digest: image.digest, sources: image.sources })
    expect(again.sbom.digest).toBe(image.sbom.digest)
    await writeFile(join(elsewhere, 'services/api-gateway/src/another.ts'), '')
    expect(await sourcesHash(elsewhere, 'api-gateway', platform)).not.toBe(image.sources)
    expect(await sourcesHash(elsewhere, 'data-sync', platform)).toBe(
      await sourcesHash(packageRoot, 'data-sync', platform),
    )
  })

  test('what was built is not built again', async () => {
    reports.length = 0
    expect(await build(packageRoot)).toEqual(image)
    expect(reports).toEqual([])
  })

  test('every blob is what its name says, and nothing in it looks like a secret', async () => {
    const blobs = join(image.layout, 'blobs', 'sha256')
    for (const name of await readdir(blobs)) {
      const content = await readFile(join(blobs, name))
      expect(createHash('sha256').update(content).digest('hex')).toBe(name)
    }
    const root = await unpack(image)
    const secrets =
      /-----BEGIN (?:RSA |EC )?PRIVATE KEY-----\n[A-Za-z0-9+/=\n]{200}|AKIA[0-9A-Z]{16}\b|_authToken=/
    const names = await readdir(join(root, 'app'), { recursive: true })
    expect(names.filter(name => /(^|\/)(\.npmrc|\.env|\.git|id_rsa)$/.test(name))).toEqual([])
    expect(names.filter(name => /^services\/[^/]+\/(test|bench)/.test(name))).toEqual([])
    for (const name of names.filter(name => name.startsWith('services/'))) {
      const path = join(root, 'app', name)
      if ((await stat(path)).isFile()) expect(await readFile(path, 'utf8'), name).not.toMatch(secrets)
    }
  })

  test('the service in it starts as nobody, from the image alone', async () => {
    const root = await unpack(image)
    // No settings file: it says so and ends with its code for settings that are not valid.
    const started = run(
      'unshare',
      [
        ...['--map-user=65532', '--map-group=65532', `--root=${root}`, '--wd=/app'],
        ...['/nodejs/bin/node', 'services/api-gateway/src/main.ts'],
      ],
      { env: { PATH: process.env['PATH'] ?? '', PORT: '0' } },
    )
    await expect(started).rejects.toMatchObject({ stderr: expect.stringContaining('gateway.yaml') })
  })
})

async function unpack(built: BuiltImage): Promise<string> {
  const root = join(folder, `root-${built.digest.slice(-8)}`)
  if ((await mkdir(root, { recursive: true })) === undefined) return root
  const index = JSON.parse(await readFile(join(built.layout, 'index.json'), 'utf8'))
  const blob = (digest: string) => join(built.layout, 'blobs', 'sha256', digest.slice('sha256:'.length))
  const manifest = JSON.parse(await readFile(blob(index.manifests[0].digest), 'utf8'))
  for (const layer of manifest.layers) await run('tar', ['-xzf', blob(layer.digest), '-C', root])
  return root
}

describe('pushing', () => {
  let registry: Awaited<ReturnType<typeof startRegistry>>
  const repository = () => `${registry.host}/ml-platform/api-gateway`
  const signedIn = <T>(work: (crane: Crane) => Promise<T>) =>
    withCrane(context, { binary: crane, environment: {}, login: registry.login }, work)

  beforeAll(async () => {
    registry = await startRegistry(crane)
  })
  afterAll(() => registry.stop())

  test('the registry has the image under its digest, its version and its sources, and its bill of materials', async () => {
    expect(await signedIn(one => findImage(one, repository(), image))).toBeUndefined()
    expect(await signedIn(one => pushImage(one, repository(), image))).toBe(image.digest)
    expect(await signedIn(one => findImage(one, repository(), image))).toBe(image.digest)
    expect(await signedIn(one => one.digest(`${repository()}:v1.0.0`))).toBe(image.digest)
    // crane's registry knows no referrers, so that its client keeps their index under a tag, as OCI 1.1 has it.
    const tag = image.digest.replace(':', '-')
    expect(await registry.get(`/v2/ml-platform/api-gateway/manifests/${tag}`)).toMatchObject({
      manifests: [{ digest: image.sbom.digest, artifactType: 'application/vnd.cyclonedx+json' }],
    })
  })

  test('pushing again sends nothing; a version tag that stands is not moved', async () => {
    const other = { ...image, sources: 'f'.repeat(64), digest: 'unused' }
    const sent = registry.uploads()
    expect(await signedIn(one => pushImage(one, repository(), image))).toBe(image.digest)
    expect(registry.uploads()).toBe(sent)
    await signedIn(one => pushImage(one, repository(), other))
    expect(await signedIn(one => one.digest(`${repository()}:v1.0.0`))).toBe(image.digest)
  })

  test('a wrong password is told with what to do, and stands in no argument and no file that is left', async () => {
    const events: unknown[] = []
    const password = 'not-the-password-0123456789'
    // What a mlp that was killed has left: nobody runs under that id.
    const left = join(tmpdir(), `mlp-registry-${2 ** 30}-left`)
    await mkdir(left)
    const wrong = withCrane(
      { ...context, emit: event => events.push(event) },
      { binary: crane, environment: {}, login: { ...registry.login, password } },
      one => pushImage(one, repository(), { ...image, sources: 'e'.repeat(64) }),
    )
    await expect(wrong).rejects.toMatchObject({
      code: 'MLP2202',
      remedy: [expect.stringContaining('right to push'), expect.any(String)],
    })
    expect(JSON.stringify(events)).not.toContain(password)
    const folders = (await readdir(tmpdir())).filter(name => name.startsWith('mlp-registry-'))
    expect(folders.filter(name => name.startsWith(`mlp-registry-${process.pid}-`))).toEqual([])
    expect(folders).not.toContain(basename(left))
  })
})

/** crane's own registry behind a login, as each cloud has one. */
async function startRegistry(binary: string) {
  const login = { username: 'AWS', password: 'a-short-lived-password-0123456789' }
  const expected = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`
  const [port = 0] = await findFreePorts(1, new Set())
  const processes = createTestProcesses()
  await processes.ensure({
    name: 'registry',
    file: binary,
    args: ['registry', 'serve', '--address', `127.0.0.1:${port}`],
    env: {},
    cwd: folder,
    logFile: join(folder, 'registry.log'),
  })
  let uploads = 0
  const proxy = createServer((request, response) => {
    if (request.headers.authorization !== expected) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end()
      return
    }
    if (request.method === 'PUT' || request.method === 'PATCH') uploads++
    const { authorization: _, ...headers } = request.headers
    const onward = httpRequest(
      { host: '127.0.0.1', port, method: request.method, path: request.url, headers },
      answer => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    onward.on('error', error => response.destroy(error))
    request.pipe(onward)
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  const address = proxy.address()
  if (address === null || typeof address === 'string') throw new Error('the registry listens on no port')
  const host = `127.0.0.1:${address.port}`
  await eventually('the registry to answer', () =>
    fetch(`http://127.0.0.1:${port}/v2/`).then(
      answer => answer.ok || undefined,
      () => undefined,
    ),
  )
  return {
    host,
    login: { ...login, host },
    uploads: () => uploads,
    get: async (path: string): Promise<unknown> => (await fetch(`http://127.0.0.1:${port}${path}`)).json(),
    stop: async () => {
      proxy.close()
      proxy.closeAllConnections()
      await processes.stopAll()
    },
  }
}
