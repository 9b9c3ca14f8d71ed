import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { detect, parseIni, toProjectName } from '../../../src/cli/detect.ts'
import { runCommandLine } from '../../../src/cli/main.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { quietIo } from './harness.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-init-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const load = (file: string, environment: 'dev' | 'prod' = 'dev') =>
  loadConfig({ file, environment, target: undefined })

describe('mlp init', () => {
  test('writes a platform that loads in every environment, in a git repository', async () => {
    const { io, out } = quietIo(folder)
    expect(await runCommandLine(['init', 'fraud-ml', '--yes'], io)).toBe(0)
    const made = join(folder, 'fraud-ml')
    expect((await readdir(made)).sort()).toEqual([
      '.git',
      '.gitignore',
      'mlp.lock',
      'mlp.yaml',
      'overrides',
      'schemas',
    ])
    const text = await readFile(join(made, 'mlp.yaml'), 'utf8')
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=./schemas/mlp.schema.json')
    expect(JSON.parse(await readFile(join(made, 'schemas/mlp.schema.json'), 'utf8'))).toHaveProperty(
      'properties',
    )
    const prod = await load(join(made, 'mlp.yaml'), 'prod')
    expect(prod).toMatchObject({ project: 'fraud-ml', environment: 'prod', target: 'sandbox' })
    expect(prod.clouds.aws?.nodes).toMatchObject({ min: 3, type: 'm6i.xlarge' })
    expect(out()).toMatch(/mlp bootstrap --yes/)
  })

  test('ends with the command that repeats it, and that command does', async () => {
    const first = quietIo(folder)
    await runCommandLine(
      ['init', 'one', '--yes', '--json', '--owner', "Ann O'Hara", '--cloud', 'gcp'],
      first.io,
    )
    const { repeat } = JSON.parse(first.out())
    const args = [
      'init',
      'two',
      ...repeat
        .split(' --')
        .slice(1)
        .flatMap((part: string) => {
          const [flag = '', ...value] = part.split(' ')
          return [
            `--${flag}`,
            ...(value.length === 0 ? [] : [value.join(' ').replace(/^'|'$/g, '').replace("'\\''", "'")]),
          ]
        }),
    ]
    expect(await runCommandLine(args, quietIo(folder).io)).toBe(0)
    const [one, two] = await Promise.all(
      ['one', 'two'].map(name => readFile(join(folder, name, 'mlp.yaml'), 'utf8')),
    )
    expect(two).toBe(one)
  })

  test('overwrites nothing', async () => {
    await writeFile(join(folder, 'mlp.yaml'), 'mine')
    const { io, err } = quietIo(folder)
    expect(await runCommandLine(['init', '--yes'], io)).toBe(2)
    expect(err()).toMatch(/MLP1006/)
    expect(await readdir(folder)).toEqual(['mlp.yaml'])
  })

  test.each([
    [['init'], 5, /MLP5001[\s\S]*--target or --yes/],
    [['init', '--yes', '--target', 'cloud'], 5, /AWS account[\s\S]*--aws-account/],
    [['init', '--yes', '--aws-account', '12'], 2, /MLP1008[\s\S]*clouds.aws.accountId: found "12"/],
    [['init', '--yes', '--project', 'No Name'], 2, /project: found "No Name"/],
  ])('mlp %j writes nothing', async (args, exitCode, expected) => {
    const { io, err } = quietIo(folder)
    expect(await runCommandLine(args, io)).toBe(exitCode)
    expect(err()).toMatch(expected)
    expect(await readdir(folder)).toEqual([])
  })
})

describe('what the machine says', () => {
  test('git, AWS, gcloud and az are read, and nobody is asked', async () => {
    await mkdir(join(folder, '.aws'))
    await mkdir(join(folder, '.azure'))
    await mkdir(join(folder, '.config/gcloud/configurations'), { recursive: true })
    await writeFile(join(folder, '.gitconfig'), '[user]\n\temail = ann@example.com\n')
    await writeFile(
      join(folder, '.aws/config'),
      '[default]\nregion = us-west-2\n[profile ml]\nregion=eu-central-1\nsso_account_id = 444455556666\n',
    )
    await writeFile(join(folder, '.config/gcloud/active_config'), 'work\n')
    await writeFile(
      join(folder, '.config/gcloud/configurations/config_work'),
      '[core]\nproject = acme-ml\n[compute]\nregion = europe-west4\n',
    )
    const subscription = {
      id: '11111111-2222-4333-8444-555555555555',
      tenantId: '99999999-2222-4333-8444-555555555555',
      isDefault: true,
    }
    await writeFile(
      join(folder, '.azure/azureProfile.json'),
      `\uFEFF${JSON.stringify({ subscriptions: [subscription] })}`,
    )
    const { io } = quietIo(folder, { AWS_PROFILE: 'ml' })
    expect(await runCommandLine(['init', 'p-one', '--yes', '--target', 'cloud'], io)).toBe(0)
    expect(await load(join(folder, 'p-one/mlp.yaml'))).toMatchObject({
      owner: 'ann@example.com',
      clouds: {
        aws: { accountId: '444455556666', region: 'eu-central-1' },
        gcp: { projectId: 'acme-ml', region: 'europe-west4' },
        azure: { subscriptionId: subscription.id, tenantId: subscription.tenantId, location: 'eastus' },
      },
    })
  })

  test('a damaged profile of az tells nothing, and stops nobody', async () => {
    await mkdir(join(folder, '.azure'))
    await writeFile(join(folder, '.azure/azureProfile.json'), '{')
    expect((await detect(folder, { HOME: folder })).azureSubscription).toBeUndefined()
  })

  test('an account is read from a role, a project from git’s remote', async () => {
    await mkdir(join(folder, '.git'))
    await writeFile(
      join(folder, '.git/config'),
      '[remote "origin"]\n\turl = git@github.com:acme/Fraud_ML.git\n',
    )
    await writeFile(join(folder, 'aws'), '[default]\nrole_arn = arn:aws:iam::777788889999:role/x\n')
    const found = await detect(folder, { HOME: folder, AWS_CONFIG_FILE: join(folder, 'aws') })
    expect(found.awsAccount?.value).toBe('777788889999')
    expect(found.project).toEqual({ value: 'fraud-ml', why: "git's remote origin" })
  })

  test.each([
    ['My Platform!', 'my-platform'],
    ['42', 'ml-platform'],
    ['3-way-merge', 'way-merge'],
    ['a-very-long-name-of-a-folder', 'a-very-long-name-of-a-fo'],
  ])('%s becomes %s', (text, name) => {
    expect(toProjectName(text)).toBe(name)
  })

  test('INI keeps sections apart', () => {
    expect(parseIni('a = 0\n[x]\na = 1\n[y]\na=2 = 3\n')).toEqual({ x: { a: '1' }, y: { a: '2 = 3' } })
  })
})
