import { existsSync } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { control } from '../../sandbox/test/core-daemon-process.ts'
import { createPlayground, type Finished, type Playground, parseEvents } from '../support/mlp.ts'

const gates = (finished: Finished) =>
  parseEvents(finished.stdout)
    .filter(({ type }) => type === 'gate')
    .map(({ cloud, gate, outcome }) => `${cloud} ${gate}: ${outcome}`)
const last = (finished: Finished) =>
  z
    .looseObject({
      type: z.string(),
      result: z.string(),
      error: z.object({ code: z.string(), summary: z.string(), remedy: z.array(z.string()) }).optional(),
    })
    .parse(JSON.parse(finished.stdout.trim().split('\n').at(-1) ?? ''))

describe('before anything changes', () => {
  let playground: Playground
  const sandbox = (method: string, path: string, body: object) =>
    control(join(playground.folder, 'sandbox'), method, path, body)
  const resources = async () => {
    const { stdout } = await playground.mlp(['sandbox', 'status', '--json'])
    const { clouds } = z
      .object({ clouds: z.array(z.object({ resources: z.number() })) })
      .parse(JSON.parse(stdout))
    return clouds.reduce((sum, cloud) => sum + cloud.resources, 0)
  }

  beforeAll(async () => {
    playground = await createPlayground()
    expect((await playground.mlp(['sandbox', 'start'])).exitCode).toBe(0)
  })
  afterAll(() => playground?.dispose())
  // Whatever a test provoked: the gates let nothing through.
  afterEach(async () => {
    await sandbox('PUT', '/faults', { faults: [] })
    expect(await resources()).toBe(0)
  })

  it('a quota that is used up refuses, tight and unread ones warn, and nothing is made', async () => {
    await sandbox('PUT', '/quotas', { quotas: { 'aws/vpc/L-F678F1CE': 0, 'azure/cores': 6 } })
    // Two questions about quotas, and one about machines, whose price hangs on what they have.
    const unread = { on: 'gcp:/compute/compute/v1/projects/', kind: 'expiredCredentials', count: 3 }
    await sandbox('PUT', '/faults', { faults: [unread] })
    const finished = await playground.mlp(['bootstrap', '--yes', '--json'])
    expect(finished.exitCode).toBe(5)
    expect(gates(finished).sort()).toEqual([
      'all budget: warned',
      'all github: passed',
      'all production: passed',
      'all release: passed',
      'aws credentials: passed',
      'aws quota: refused',
      'azure credentials: passed',
      'azure quota: warned',
      'gcp credentials: passed',
      'gcp quota: warned',
    ])
    expect(last(finished)).toMatchObject({
      type: 'run-finished',
      result: 'refused',
      error: {
        code: 'MLP5230',
        summary: 'Refused before anything was changed: aws quota: VPCs per Region: 1 wanted, 0 allowed',
      },
    })
    const state = join(playground.folder, '.mlp', 'sandbox', 'ml-platform-dev', 'state.json')
    expect(existsSync(state)).toBe(false)
  })

  it('tells a person in one line each, and only what is not as it should be', async () => {
    const finished = await playground.mlp(['bootstrap', '--yes'])
    const lines = finished.stdout.split('\n')
    expect(lines.filter(line => line.startsWith('‼'))).toEqual([
      '‼ aws/quota: refused: VPCs per Region: 1 wanted, 0 allowed',
      '‼ azure/quota: warned: enough to start, not for every node: Total Regional vCPUs: 20 wanted, 6 allowed',
    ])
    expect(finished.stdout).toMatch(/^Refused in .+: 0 done of \d+$/m)
    expect(finished.stdout).not.toContain('credentials')
    expect(finished.stderr).toBe('')
  })

  it('phase 2 takes no room, so that a quota does not keep it; what it needs is missing', async () => {
    const finished = await playground.mlp(['phase', '2', '--cloud', 'aws', '--yes', '--json'])
    expect(gates(finished)).not.toContain('aws quota: refused')
    expect(finished.exitCode).toBe(5)
  })

  it('plan names the quotas, doctor fails on one that is used up', async () => {
    const planned = await playground.mlp(['plan', '--json'])
    const { quotas } = z
      .object({ quotas: z.array(z.looseObject({ cloud: z.string(), name: z.string() })) })
      .parse(JSON.parse(planned.stdout))
    expect(new Set(quotas.map(({ cloud }) => cloud))).toEqual(new Set(['aws', 'gcp', 'azure']))
    expect(quotas).toContainEqual({
      cloud: 'aws',
      name: 'VPCs per Region',
      needed: 1,
      wanted: 1,
      used: 0,
      allowed: 0,
    })
    const doctor = await playground.mlp(['doctor', '--json'])
    const { checks } = z
      .object({ checks: z.array(z.looseObject({ id: z.string(), status: z.string(), detail: z.string() })) })
      .parse(JSON.parse(doctor.stdout))
    expect(doctor.exitCode).toBe(4)
    expect(checks.find(({ id }) => id === '0.aws.quotas')).toMatchObject({ status: 'fail' })
    expect(checks.find(({ id }) => id === '0.gcp.identity')).toMatchObject({
      status: 'pass',
      detail: expect.stringContaining('operator@sandbox.mlp.dev in mlp-sandbox'),
    })
  })

  it('what helps when a check fails is kept in one file of this user only', async () => {
    const asked = ['verify', '1', '--cloud', 'aws', '--json', '--support-bundle-on-failure']
    const finished = await playground.mlp(asked)
    expect(finished.exitCode).toBe(4)
    const { supportBundle } = z.looseObject({ supportBundle: z.string() }).parse(JSON.parse(finished.stdout))
    expect(supportBundle).toContain(join(playground.folder, '.mlp', 'sandbox', 'ml-platform-dev', 'runs'))
    expect((await stat(supportBundle)).mode & 0o777).toBe(0o600)
  })

  it.each(['bootstrap', 'teardown', 'phase 1'])(
    'changes production only with --allow-production: %s',
    async command => {
      await sandbox('PUT', '/quotas', { quotas: { 'aws/vpc/L-F678F1CE': 5, 'azure/cores': 512 } })
      const finished = await playground.mlp([...command.split(' '), '--env', 'prod', '--yes', '--json'])
      expect(finished.exitCode).toBe(5)
      expect(last(finished)).toMatchObject({
        result: 'refused',
        error: { remedy: expect.arrayContaining(['Or accept it: --allow-production']) },
      })
    },
  )

  it('credentials that a cloud refuses refuse the run, with the way to renew them', async () => {
    await sandbox('PUT', '/faults', {
      faults: [{ on: 'gcp:/oauth2/tokeninfo', kind: 'expiredCredentials' }],
    })
    const finished = await playground.mlp(['bootstrap', '--yes', '--json'])
    expect({ exitCode: finished.exitCode, error: last(finished).error?.remedy }).toMatchObject({
      exitCode: 5,
      error: expect.arrayContaining(['mlp login gcp']),
    })
    expect(gates(finished)).toContain('gcp credentials: refused')
  })

  // The SDK's own default chain, pointed at the sandbox's AWS as the official CLI is; the other clouds' SDKs have no
  // such setting for all of their services.
  it('login proves who the default chain signs in as, and says how to sign in where it does not', async () => {
    const { environment } = z
      .object({ environment: z.record(z.string(), z.string().nullable()) })
      .parse(JSON.parse((await playground.mlp(['sandbox', 'env', '--json'])).stdout))
    const own = Object.entries(environment).filter(
      (entry): entry is [string, string] => entry[0].startsWith('AWS_') && entry[1] !== null,
    )
    const ca = join(playground.folder, 'sandbox', 'ca.pem')
    const signedIn = { ...Object.fromEntries(own), NODE_EXTRA_CA_CERTS: ca }
    const platform = (account: string) =>
      writeFile(
        join(playground.folder, 'cloud.yaml'),
        `apiVersion: mlp.dev/v1\nproject: real\ntarget: cloud\nclouds:\n  aws:\n    accountId: '${account}'\n`,
      )
    const login = async (env: Readonly<Record<string, string>>) => {
      const { exitCode, stdout } = await playground.mlp(['login', 'aws', '--config', 'cloud.yaml'], env)
      return { exitCode, stdout }
    }
    const { awsAccountId } = z
      .object({ awsAccountId: z.string() })
      .parse(JSON.parse(await readFile(join(playground.folder, 'sandbox', 'secrets.json'), 'utf8')))

    await platform(awsAccountId)
    expect(await login(signedIn)).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(
        /^√ aws: arn:aws:iam::\d+:\S+ in \d+, renewed by the tools that use them\n$/,
      ),
    })
    await platform('999999999999')
    expect(await login(signedIn)).toEqual({
      exitCode: 4,
      stdout: expect.stringMatching(/but mlp\.yaml names 999999999999\n {4}aws configure sso\n/),
    })
    const signedOut = {
      ...signedIn,
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
      AWS_EC2_METADATA_DISABLED: 'true',
    }
    expect(await login({ ...signedOut, AWS_SHARED_CREDENTIALS_FILE: '/dev/null' })).toEqual({
      exitCode: 4,
      stdout: expect.stringMatching(
        /^× aws: AWS refused the credentials, or there are none.*\n {4}aws configure sso\n/,
      ),
    })
  })
})
