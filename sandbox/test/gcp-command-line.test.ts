import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gcp } from '../src/clouds/gcp/index.ts'
import {
  clusterVariables,
  foundationVariables,
  type GcpHarness,
  startGcpHarness,
  templates,
} from './gcp-fixture.ts'

const minutes = 60_000
const installed = (program: string) =>
  spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined

let harness: GcpHarness
let environment: NodeJS.ProcessEnv

/** The guide's commands with the official programs, changed by nothing but the environment. */
describe.skipIf(!installed('gcloud'))('official command line tools on the simulated Google Cloud', () => {
  beforeAll(async () => {
    harness = await startGcpHarness()
    const { project, world } = harness
    const foundation = await harness.root({
      templates: `${templates}/foundation`,
      variables: foundationVariables(project, 'dev'),
    })
    await foundation.init()
    await foundation.apply()
    const outputs: unknown = JSON.parse(await foundation.run(['output', '-json']))
    const cluster = await harness.root({
      templates: `${templates}/cluster`,
      variables: clusterVariables(project, 'dev', valuesOf(outputs)),
    })
    await cluster.init()
    await cluster.apply()
    environment = { ...process.env, KUBECONFIG: join(world.home, 'kubeconfig') }
    for (const [name, value] of Object.entries(gcp.commandLineEnvironment(world))) {
      if (value === undefined) delete environment[name]
      else environment[name] = value
    }
  }, 3 * minutes)
  afterAll(() => harness.close(), minutes)

  it(
    'gcloud container clusters list',
    async () => {
      const listed = await run('gcloud', ['container', 'clusters', 'list'])
      expect(listed).toMatch(/ml-platform-dev\s+us-central1\s+1\.35\.\S+\s.*RUNNING/)
    },
    minutes,
  )

  it(
    'gsutil ls',
    async () => {
      expect(await run('gsutil', ['ls'])).toContain('gs://ml-platform-dev-models-abc123/')
    },
    minutes,
  )

  it(
    'gcloud storage ls',
    async () => {
      expect(await run('gcloud', ['storage', 'ls'])).toContain('gs://ml-platform-dev-data-abc123/')
    },
    minutes,
  )

  it.skipIf(!installed('gke-gcloud-auth-plugin'))(
    'gcloud container clusters get-credentials, and its token',
    async () => {
      await run('gcloud', [
        ...['container', 'clusters', 'get-credentials', 'ml-platform-dev'],
        ...['--region', 'us-central1', '--project', harness.project],
      ])
      const credential: unknown = JSON.parse(await run('gke-gcloud-auth-plugin', []))
      const { token } = statusOf(credential)
      expect(await gcp.reviewToken(token, 'ml-platform-dev', harness.world)).toMatchObject({
        username: 'operator@sandbox.mlp.dev',
      })
      const context = `gke_${harness.project}_us-central1_ml-platform-dev`
      expect(await run('kubectl', ['config', 'current-context'])).toBe(`${context}\n`)
    },
    minutes,
  )
})

function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, [...args], { env: environment }, (error, stdout, stderr) =>
      error === null
        ? resolve(stdout)
        : reject(new Error(`${program} ${args.join(' ')}: ${stdout}${stderr}`)),
    )
  })
}

function valuesOf(outputs: unknown): Record<string, unknown> {
  if (typeof outputs !== 'object' || outputs === null) throw new Error('no outputs')
  return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value]))
}

function statusOf(credential: unknown): { readonly token: string } {
  if (
    typeof credential === 'object' &&
    credential !== null &&
    'status' in credential &&
    typeof credential.status === 'object' &&
    credential.status !== null &&
    'token' in credential.status &&
    typeof credential.status.token === 'string'
  ) {
    return { token: credential.status.token }
  }
  throw new Error('no ExecCredential')
}
