import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import * as z from 'zod'
import { createClouds } from '../../../src/cli/clouds.ts'
import { resolveTarget, withAccounts } from '../../../src/cli/target.ts'
import type { Cloud, CloudName } from '../../../src/clouds/cloud.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { withCrane } from '../../../src/tools/crane.ts'
import { kubectlJson, portForward } from '../../support/kubectl.ts'
import { type Finished, type Playground, parseEvents } from '../../support/mlp.ts'
import { program } from '../../support/programs.ts'

const run = promisify(execFile)
const clouds = ['aws', 'gcp', 'azure'] as const
const namespaces = ['ml-platform', 'ml-serving']
const steps = (finished: Finished) =>
  parseEvents(finished.stdout).filter(({ type }) => type === 'step-finished')
const commands = (finished: Finished) =>
  parseEvents(finished.stdout).flatMap(event =>
    event.type === 'command-started' ? [String(event['command'])] : [],
  )
const secretsSchema = z.object({
  items: z.array(
    z.looseObject({
      metadata: z.looseObject({ name: z.string() }),
      data: z.record(z.string(), z.string()).default({}),
    }),
  ),
})
const podsSchema = z.object({
  items: z.array(
    z.looseObject({
      metadata: z.looseObject({ name: z.string() }),
      status: z.looseObject({
        containerStatuses: z.array(z.looseObject({ imageID: z.string().default('') })),
      }),
    }),
  ),
})

/** Tests of phase 3 on a platform that stands with all its phases, and stands so afterwards. Told in order. */
export function testApplications(platform: () => Playground): void {
  const kubeconfig = () => join(platform().platformHome, 'kubeconfig')
  const pods = async (cloud: string, namespace: string) =>
    podsSchema.parse(await kubectlJson(kubeconfig(), `${cloud}-dev`, ['get', 'pods', '-n', namespace])).items
  const kubectl = async (cloud: string, ...args: readonly string[]) => {
    const own = ['--kubeconfig', kubeconfig(), '--context', `${cloud}-dev`]
    return (await run('kubectl', [...own, ...args], { maxBuffer: 1 << 26 })).stdout
  }
  const openClouds = async () => {
    const config = await loadConfig({ file: undefined, environment: undefined, target: 'sandbox' })
    const target = await resolveTarget({
      config,
      platformFolder: platform().folder,
      environment: platform().env,
      signal: new AbortController().signal,
      report: () => undefined,
    })
    return { target, clouds: await createClouds(withAccounts(config, target), target, undefined) }
  }

  it('run in three clouds from the same three images', async () => {
    const digests = await Promise.all(
      clouds.map(async cloud => {
        const found = (await Promise.all(namespaces.map(namespace => pods(cloud, namespace)))).flat()
        const ids = found.flatMap(({ status }) => status.containerStatuses.map(({ imageID }) => imageID))
        return new Set(ids.filter(id => id !== '').map(id => id.slice(id.indexOf('@'))))
      }),
    )
    expect(digests[0]?.size).toBe(3)
    expect(digests[1]).toEqual(digests[0])
    expect(digests[2]).toEqual(digests[0])
  })

  it('verify: an inference on each cluster, digests as pushed; what is simulated is said', async () => {
    const finished = await platform().mlp(['verify', '3', '--json'])
    const { checks } = z
      .object({ checks: z.array(z.object({ id: z.string(), status: z.string(), detail: z.string() })) })
      .parse(JSON.parse(finished.stdout))
    // Where redis-server is not installed there is no cache, which is a warning too.
    const cached = checks.filter(({ id, status }) => !(status === 'warn' && id.endsWith('.rate-limits')))
    expect(cached.filter(({ status }) => status !== 'pass')).toEqual([
      {
        id: '3.aws.model-registry',
        status: 'warn',
        detail: expect.stringContaining('simulated'),
      },
    ])
    expect(checks).toHaveLength(25)
    expect(finished.exitCode, finished.stderr).toBe(0)
  })

  it('each registry takes the short-lived login of its cloud, and no other', async () => {
    const { target, clouds: adapters } = await openClouds()
    const binary = await program('crane')
    const context = { signal: new AbortController().signal, emit: () => undefined }
    const ask = (cloud: Cloud, login: Awaited<ReturnType<Cloud['registry']>>) => {
      const environment = { ...target.environment, ...target.clouds[cloud.name]?.environment }
      return withCrane(context, { binary, environment, login }, crane =>
        crane.digest(`${cloud.repository('api-gateway')}:v1.0.0`),
      )
    }
    const hours: Readonly<Record<CloudName, number>> = { aws: 12, gcp: 1, azure: 3 }
    for (const cloud of adapters.values()) {
      const login = await cloud.registry(new AbortController().signal)
      expect(cloud.repository('api-gateway').startsWith(`${login.host}/`), cloud.name).toBe(true)
      const left = Date.parse(login.expiresAt) - Date.now()
      expect(left, cloud.name).toBeGreaterThan(0)
      expect(left, cloud.name).toBeLessThanOrEqual(hours[cloud.name] * 3_600_000 + 60_000)
      expect(await ask(cloud, login), cloud.name).toMatch(/^sha256:[0-9a-f]{64}$/)
      const wrong = ask(cloud, { ...login, password: `${login.password.slice(0, -4)}AAAA` })
      await expect(wrong, cloud.name).rejects.toMatchObject({ code: 'MLP2202' })
    }
  })

  it('no secret of the run is in a layer of an image, a pod’s log or its metrics', async () => {
    const secrets = new Map<string, string>()
    for (const cloud of clouds) {
      for (const namespace of namespaces) {
        const answer = await kubectlJson(kubeconfig(), `${cloud}-dev`, ['get', 'secrets', '-n', namespace])
        for (const { metadata, data } of secretsSchema.parse(answer).items) {
          // What the gateway gets of the operator's key is its hash.
          if (metadata.name === 'api-gateway-keys') continue
          for (const [key, value] of Object.entries(data))
            secrets.set(`${cloud} ${metadata.name}/${key}`, Buffer.from(value, 'base64').toString())
        }
      }
    }
    const own = z
      .record(z.string(), z.string())
      .parse(JSON.parse(await readFile(join(platform().sandboxHome, 'secrets.json'), 'utf8')))
    for (const [name, value] of Object.entries(own))
      if (/secret|key(?!id)|pem/i.test(name)) secrets.set(name, value)
    expect([...secrets.keys()].filter(name => /operator-key|data-sync-token/.test(name))).toHaveLength(6)
    const found: string[] = []
    const look = (where: string, content: Buffer | string) => {
      for (const [name, secret] of secrets) if (content.includes(secret)) found.push(`${name} in ${where}`)
    }

    // Used once more, so that the services have had them in hand.
    const token = secrets.get('aws data-sync-token/token') ?? ''
    await using sync = await portForward(kubeconfig(), 'aws-dev', 'ml-platform', 'deployment/data-sync', 8081)
    const answers = await Promise.all(
      [token, `${token}x`].map(bearer =>
        fetch(`http://127.0.0.1:${sync.port}/v1/jobs`, { headers: { authorization: `Bearer ${bearer}` } }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 401])

    const blobs = join(platform().sandboxHome, 'emulators/images/data/docker/registry/v2/blobs/sha256')
    const layers = (await readdir(blobs, { recursive: true })).filter(name => name.endsWith('/data'))
    // Three images of at least three layers, their configurations, manifests and bills of materials.
    expect(layers.length).toBeGreaterThan(12)
    for (const layer of layers) {
      const content = await readFile(join(blobs, layer))
      look(layer, content.readUInt16BE(0) === 0x1f8b ? gunzipSync(content) : content)
    }
    for (const cloud of clouds) {
      for (const namespace of namespaces) {
        for (const { metadata, status } of await pods(cloud, namespace)) {
          if (status.containerStatuses.every(({ imageID }) => imageID === '')) continue
          const log = await kubectl(cloud, 'logs', '-n', namespace, metadata.name)
          expect(log, metadata.name).toContain('"level"')
          look(`the log of ${cloud} ${metadata.name}`, log)
          const port = { 'api-gateway': 8000, 'model-serving': 8080, 'data-sync': 8081 }[
            metadata.name.replace(/-[0-9a-f]+-\w+$/, '')
          ]
          // The job, and the proxy beside MLflow, serve nothing.
          if (port === undefined) continue
          const path = `/api/v1/namespaces/${namespace}/pods/${metadata.name}:${port}/proxy/metrics`
          const metrics = await kubectl(cloud, 'get', '--raw', path)
          expect(metrics, metadata.name).toContain('process_cpu_seconds_total')
          look(`the metrics of ${cloud} ${metadata.name}`, metrics)
        }
      }
    }
    expect(found).toEqual([])
  })

  it('data-sync’s records are in the databases of phase 1, and outlive its pods', async () => {
    await Promise.all(
      clouds.map(async cloud => {
        const made = await askDataSync(platform(), cloud, '/v1/jobs', {
          name: rememberedJob,
          ...{ source: 's3://nobodys-source/a/', destinations: ['s3://nobodys-copy/b/'], paused: true },
        })
        expect(made, cloud).toMatchObject({ status: 201 })
        const inPlatform = ['-n', 'ml-platform'] as const
        await kubectl(cloud, 'delete', 'pods', ...inPlatform, '-l', 'app=data-sync', '--wait=true')
        await kubectl(cloud, 'rollout', 'status', ...inPlatform, 'deployment/data-sync', '--timeout=300s')
        expect((await askDataSync(platform(), cloud, '/v1/jobs')).text, cloud).toContain(rememberedJob)
      }),
    )
  })

  it('MLflow’s pod has the database on loopback, as MLflow’s identity (MLflow itself is simulated)', async () => {
    // Another program of the pod, as MLflow is: with no password, and no TLS of its own.
    const script = `
      import pg from 'pg'
      const client = new pg.Client({ host: '127.0.0.1', user: 'anybody', database: 'any' })
      await client.connect()
      const { rows } = await client.query('select current_user as user, current_schema() as schema')
      await client.query('create table proof (n int); drop table proof')
      const theft = await client.query('select * from data_sync.jobs').catch(error => error.message)
      console.log(JSON.stringify({ ...rows[0], theft }))
      await client.end()`
    const node = ['/nodejs/bin/node', '--input-type=module', '-e', script]
    const inPod = ['exec', '-n', 'ml-platform', 'deployment/mlflow', '-c', 'database-proxy', '--']
    expect(JSON.parse(await kubectl('aws', ...inPod, ...node))).toEqual({
      user: 'mlflow',
      schema: 'mlflow',
      theft: 'permission denied for schema data_sync',
    })
  })

  it('teardown of phase 3 alone takes back what it made, keeps the images, and nothing is pushed again', async () => {
    const down = await platform().mlp(['teardown', '--from', '3', '--yes', '--json'])
    expect(down.exitCode, down.stdout.slice(-2000)).toBe(0)
    for (const cloud of clouds) {
      const left = await kubectl(cloud, 'get', 'deployments,services,secrets,pdb,jobs', '-n', 'ml-platform')
      expect(left, cloud).toBe('')
      const marked = await kubectl(
        cloud,
        'get',
        'deployments,services,pdb',
        '-A',
        '-l',
        'mlp.dev/platform-id',
      )
      expect(marked, cloud).toBe('')
    }
    const kept = z
      .looseObject({ kept: z.array(z.looseObject({ type: z.string(), reason: z.string() })) })
      .parse(parseEvents(down.stdout).at(-1)).kept
    expect(kept.filter(({ type }) => type === 'image')).toHaveLength(9)

    const up = await platform().mlp(['bootstrap', '--to', '3', '--yes', '--json'])
    expect(up.exitCode, up.stdout.slice(-2000)).toBe(0)
    expect(
      steps(up).filter(({ step = '', state }) => step.endsWith('.images') && state !== 'skipped'),
    ).toEqual([])
    expect(commands(up).filter(command => /crane push|npm ci/.test(command))).toEqual([])
    for (const cloud of clouds)
      expect((await askDataSync(platform(), cloud, '/v1/jobs')).text, cloud).toContain(rememberedJob)
  })
}

/** What data-sync is told here, and has to know for as long as data is kept. */
export const rememberedJob = 'remembered'

/** One call of data-sync's API in a cluster, by a forwarded port; a POST where there is a body. */
export async function askDataSync(platform: Playground, cloud: string, path: string, body?: object) {
  const kubeconfig = join(platform.platformHome, 'kubeconfig')
  const context = `${cloud}-dev`
  const { items } = secretsSchema.parse(
    await kubectlJson(kubeconfig, context, ['get', 'secrets', '-n', 'ml-platform']),
  )
  const secret = items.find(({ metadata }) => metadata.name === 'data-sync-token')
  const token = Buffer.from(secret?.data['token'] ?? '', 'base64').toString()
  await using sync = await portForward(kubeconfig, context, 'ml-platform', 'deployment/data-sync', 8081)
  const answer = await fetch(`http://127.0.0.1:${sync.port}${path}`, {
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  })
  return { status: answer.status, text: await answer.text() }
}
