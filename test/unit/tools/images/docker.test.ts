import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { buildWithDocker } from '../../../../src/tools/images/docker.ts'

const packageRoot = fileURLToPath(new URL('../../../..', import.meta.url))
const context = { signal: new AbortController().signal, emit: () => undefined }
const digest = `sha256:${'a'.repeat(64)}`
const build = (layout: string) =>
  buildWithDocker(
    context,
    'api-gateway',
    {
      packageRoot,
      platform: 'linux/amd64',
      version: '1.0.0',
      sources: 'f'.repeat(64),
      report: () => undefined,
    },
    layout,
  )

let folder: string
const path = process.env['PATH']
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-docker-'))
})
afterEach(async () => {
  process.env['PATH'] = path
  await rm(folder, { recursive: true, force: true })
})

/** What docker's own reference says of these two commands; no engine was ever asked. */
async function fakeDocker(engineAnswers: boolean): Promise<void> {
  const bin = join(folder, 'bin')
  await mkdir(bin)
  const script = `#!${process.execPath}
const { appendFileSync, mkdirSync, writeFileSync } = require('node:fs')
const args = process.argv.slice(2)
appendFileSync(${JSON.stringify(join(folder, 'calls'))}, JSON.stringify(args) + '\\n')
if (args[0] === 'version') {
  if (${engineAnswers}) { console.log('28.0.0'); process.exit(0) }
  console.error('Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?')
  process.exit(1)
}
const [, dest] = /dest=([^,]+)/.exec(args[args.indexOf('--output') + 1])
mkdirSync(dest, { recursive: true })
const mediaType = 'application/vnd.oci.image.manifest.v1+json'
writeFileSync(dest + '/index.json', JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, digest: '${digest}', size: 1 }] }))
`
  await writeFile(join(bin, 'docker'), script)
  await chmod(join(bin, 'docker'), 0o755)
  process.env['PATH'] = `${bin}:${path}`
}

test('buildx is given the Dockerfile, the platform and no time; its layout is the image, the lock file the bill', async () => {
  await fakeDocker(true)
  const layout = join(folder, 'layout')
  const { image, bill } = await build(layout)
  expect(image.digest).toBe(digest)
  const [, built = ''] = (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n')
  const args = JSON.parse(built).join(' ')
  expect(args).toMatch(/^buildx build --file services\/api-gateway\/Dockerfile --platform linux\/amd64 /)
  expect(args).toContain('--build-arg VERSION=1.0.0')
  expect(args).toContain('--build-arg SOURCE_DATE_EPOCH=0 --provenance=false --sbom=false')
  expect(args).toContain(`--output type=oci,dest=${layout},tar=false,rewrite-timestamp=true .`)
  const names = JSON.stringify(bill)
  expect(names).toContain('pkg:npm/fastify@')
  expect(names).not.toContain('pkg:npm/vitest@')
})

test('an engine that does not answer is told in its own words, with the way to do without', async () => {
  await fakeDocker(false)
  await expect(build(join(folder, 'layout'))).rejects.toMatchObject({
    code: 'MLP2204',
    detail: expect.stringContaining('Is the docker daemon running?'),
    remedy: expect.arrayContaining(['Or build without an engine: unset MLP_IMAGE_BUILDER']),
  })
})
