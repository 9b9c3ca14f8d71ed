import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { baseOf, type ImageName, imageNames } from '../../../../src/tools/images/service-images.ts'

const packageRoot = fileURLToPath(new URL('../../../..', import.meta.url))
const digest = `sha256:${'a'.repeat(64)}`

let folder: string
let notices: string[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-docker-'))
  notices = []
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true, force: true })
})

/** As in a process that has not asked yet: whether an engine can build is asked once. */
async function build(wanted: string, name: ImageName = 'api-gateway') {
  vi.stubEnv('MLP_IMAGE_BUILDER', wanted)
  const { buildByEngine } = await import('../../../../src/tools/images/builder.ts')
  const context = {
    signal: new AbortController().signal,
    emit: (event: { type: string; message?: string }) => {
      if (event.type === 'notice') notices.push(event.message ?? '')
    },
  }
  const options = {
    packageRoot,
    platform: 'linux/amd64',
    version: '1.0.0',
    sources: 'f'.repeat(64),
    scratch: folder,
    report: () => undefined,
  } as const
  return buildByEngine(context, name, options, join(folder, 'layout'))
}
beforeEach(() => vi.resetModules())

/** The first command that this docker cannot do; what it says then is what the real one was seen to say. */
type Refused = 'version' | 'buildx version' | 'the small build' | 'the image' | 'nothing'
const words: Readonly<Record<Refused, string>> = {
  version:
    'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
  'buildx version': "docker: unknown command: docker buildx\\n\\nRun 'docker --help' for more information",
  'the small build':
    'ERROR: OCI exporter is not supported for the docker driver.\\nSwitch to a different driver',
  'the image': 'ERROR: failed to solve: process "npm ci" did not complete successfully: exit code: 1',
  nothing: '',
}

/** docker's command line as its reference has it; the real engine is tried where there is one. */
async function playDocker(refused: Refused): Promise<void> {
  const bin = join(folder, 'bin')
  await mkdir(bin)
  const script = `#!${process.execPath}
const { appendFileSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs')
const args = process.argv.slice(2)
const small = args.at(-1) === '-'
const call = args[0] === 'version' ? 'version' : args[1] === 'version' ? 'buildx version' : small ? 'the small build' : 'the image'
appendFileSync(${JSON.stringify(join(folder, 'calls'))}, JSON.stringify({ call, args, input: small ? readFileSync(0, 'utf8') : '' }) + '\\n')
if (call === ${JSON.stringify(refused)}) { console.error('${words[refused].replaceAll("'", "\\'")}'); process.exit(1) }
if (call === 'version') console.log('28.0.0')
if (args[1] === 'build') {
  const [, dest] = /dest=([^,]+)/.exec(args[args.indexOf('--output') + 1])
  mkdirSync(dest, { recursive: true })
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  writeFileSync(dest + '/index.json', JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, digest: '${digest}', size: 1 }] }))
}
`
  await writeFile(join(bin, 'docker'), script)
  await chmod(join(bin, 'docker'), 0o755)
  vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`)
}

interface Call {
  readonly call: Refused
  readonly args: readonly string[]
  readonly input: string
}
async function calls(): Promise<readonly Call[]> {
  const text = await readFile(join(folder, 'calls'), 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Call)
}
/** Of what docker was given. */
const mode = async (path: string) => ((await stat(join(folder, 'docker', path))).mode & 0o777).toString(8)
const called = async () => (await calls()).map(({ call }) => call)

test('an engine that answers and can do it builds the image; it is tried once for all of them', async () => {
  await playDocker('nothing')
  const built = await build('')
  expect(built?.image.digest).toBe(digest)
  await build('', 'data-sync')
  expect(await called()).toEqual(['version', 'buildx version', 'the small build', 'the image', 'the image'])
  const [, , small] = await calls()
  expect(small?.input).toContain(`ARG BASE=${await baseOf(packageRoot, 'api-gateway')}\n`)
  expect(notices).toEqual([])
})

test('buildx is given the Dockerfile, the platform and no time; its layout is the image, the lock file the bill', async () => {
  await playDocker('nothing')
  const built = await build('docker')
  const [only] = await calls()
  const args = only?.args.join(' ') ?? ''
  const context = join(folder, 'docker')
  expect(args).toContain(
    `buildx build --file ${context}/services/api-gateway/Dockerfile --platform linux/amd64 `,
  )
  expect(args).toContain('--build-arg VERSION=1.0.0')
  expect(args).toContain('--build-arg SOURCE_DATE_EPOCH=0 --provenance=false --sbom=false')
  expect(args).toContain(
    `--output type=oci,dest=${join(folder, 'layout')},tar=false,rewrite-timestamp=true ${context}`,
  )
  const names = JSON.stringify(built?.bill)
  expect(names).toContain('pkg:npm/fastify@')
  expect(names).not.toContain('pkg:npm/vitest@')
})

test('what docker is given has the modes that a layer has, whatever those of the checkout are', async () => {
  await playDocker('nothing')
  const before = process.umask(0o077)
  try {
    await build('docker')
  } finally {
    process.umask(before)
  }
  expect(await mode('services/api-gateway/src/main.ts')).toBe('644')
  expect(await mode('services/api-gateway/src')).toBe('755')
  expect(await mode('package-lock.json')).toBe('644')
})

test.each(imageNames)('%s: docker is given all that its Dockerfile copies', async name => {
  await playDocker('nothing')
  await build('docker', name)
  const context = join(folder, 'docker')
  const dockerfile = await readFile(join(context, 'services', name, 'Dockerfile'), 'utf8')
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, from = '']) =>
    from.split(' '),
  )
  expect(copied.length).toBeGreaterThan(8)
  for (const path of copied) expect(await mode(path), path).toMatch(/^(644|755)$/)
})

test('without the variable, what an engine cannot do is told in one line and done without it', async () => {
  await playDocker('the small build')
  expect(await build('')).toBeUndefined()
  expect(await build('', 'data-sync')).toBeUndefined()
  expect(notices).toEqual([
    'docker cannot build images here: ERROR: OCI exporter is not supported for the docker driver.; images are laid without it',
  ])
  expect(await called()).toEqual(['version', 'buildx version', 'the small build'])
})

test('a build that fails is done without the engine, and so are those after it', async () => {
  await playDocker('the image')
  expect(await build('')).toBeUndefined()
  expect(await build('', 'data-sync')).toBeUndefined()
  expect(notices).toHaveLength(1)
  expect(notices[0]).toMatch(/^docker did not build api-gateway: ERROR: failed to solve/)
  expect((await called()).filter(call => call === 'the image')).toHaveLength(1)
})

test('no engine, or no buildx, is no failure; the first is not even told', async () => {
  await playDocker('version')
  expect(await build('')).toBeUndefined()
  expect(notices).toEqual([])
  vi.resetModules()
  await rm(join(folder, 'bin'), { recursive: true })
  await playDocker('buildx version')
  expect(await build('')).toBeUndefined()
  expect(notices).toEqual([expect.stringContaining('unknown command: docker buildx')])
})

test('MLP_IMAGE_BUILDER=daemonless asks no engine, and another word is refused', async () => {
  await playDocker('nothing')
  expect(await build('daemonless')).toBeUndefined()
  await expect(build('podman')).rejects.toMatchObject({
    code: 'MLP2205',
    message: expect.stringContaining('podman'),
  })
  expect(await calls()).toEqual([])
})

test('MLP_IMAGE_BUILDER=docker: what fails is told in docker’s own words, with the way to do without', async () => {
  await playDocker('the image')
  await expect(build('docker')).rejects.toMatchObject({
    code: 'MLP2204',
    detail: expect.stringContaining('did not complete successfully'),
    remedy: expect.arrayContaining(['Or build without an engine: MLP_IMAGE_BUILDER=daemonless']),
  })
})
