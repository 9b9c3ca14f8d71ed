import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runLogin } from '../../../src/cli/commands/login.ts'
import { loginOptions } from '../../../src/cli/options.ts'
import { signInCommands } from '../../../src/cli/sign-in.ts'
import { defaultSandboxConfig } from '../../../src/config/defaults.ts'
import { quietIo } from './harness.ts'

const config = defaultSandboxConfig()
let home: string

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'mlp-login-'))
  await mkdir(join(home, '.aws'))
  await writeFile(
    join(home, '.aws', 'config'),
    [
      '[default]',
      'sso_account_id = 222233334444',
      '[profile ml]',
      'sso_session = corp',
      'sso_account_id = 111122223333',
      '[profile deploy]',
      'role_arn = arn:aws:iam::333344445555:role/deploy',
    ].join('\n'),
  )
})
afterAll(() => rm(home, { recursive: true, force: true }))

describe('how to sign in', () => {
  const commands = (cloud: 'aws' | 'gcp' | 'azure', changed = config) =>
    signInCommands(cloud, changed, { HOME: home })
  const account = (accountId: string) => {
    const { aws } = config.clouds
    if (aws === undefined) throw new Error('AWS is needed')
    return { ...config, clouds: { aws: { ...aws, accountId } } }
  }

  test.each([
    ['an SSO profile', account('111122223333'), ['aws sso login --profile ml', 'export AWS_PROFILE=ml']],
    ['a role of the account', account('333344445555'), ['export AWS_PROFILE=deploy']],
    [
      'no profile',
      account('999999999999'),
      ['aws configure sso', 'export AWS_PROFILE=<the profile it made>'],
    ],
  ])('to AWS with %s', async (_name, changed, expected) => {
    expect(await commands('aws', changed)).toEqual(expected)
  })

  test('to Google Cloud and Azure, with the account of mlp.yaml', async () => {
    expect(await commands('gcp')).toContain('gcloud auth application-default set-quota-project mlp-sandbox')
    expect(await commands('azure')).toEqual([
      'az login',
      `az account set --subscription ${config.clouds.azure?.subscriptionId}`,
    ])
  })
})

test('the sandbox needs no login, and is not started for saying so', async () => {
  const { io, out } = quietIo(home)
  expect(await runLogin(loginOptions.parse({}), io)).toBe(0)
  expect(out()).toBe('The sandbox brings its own credentials: no login is needed.\n')
  const json = quietIo(home)
  await runLogin(loginOptions.parse({ json: true }), json.io)
  expect(JSON.parse(json.out())).toEqual({ schemaVersion: 1, target: 'sandbox', clouds: [] })
})

test('a cloud that the platform does not have is refused', async () => {
  await writeFile(join(home, 'mlp.yaml'), 'apiVersion: mlp.dev/v1\nproject: one-cloud\nclouds:\n  aws:\n')
  await expect(
    runLogin(loginOptions.parse({ cloud: 'gcp', config: 'mlp.yaml' }), quietIo(home).io),
  ).rejects.toMatchObject({
    code: 'MLP1010',
    exitCode: 2,
  })
})
