import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isErrorCode } from '../../src/engine/error-catalogue/catalogue.ts'
import { createPlayground, type Finished, type Launch, type Playground } from '../support/mlp.ts'
import { setFaults } from '../support/sandbox.ts'
import { canMount, mountSmallDisk } from '../support/small-disk.ts'

// Without colours, and as people see it: the plain lines of a pipe.
const foundation = ['phase', '1', '--cloud', 'aws', '--step', '1.aws.apply-foundation', '--yes']
const prepare = ['phase', '1', '--cloud', 'aws', '--step', '1.aws.prepare', '--force', '--yes']

interface Wanted {
  readonly exitCode: number
  readonly code: string
  readonly about?: RegExp
}

/** What every mistake has to end in: its exit code, a code that `mlp help` knows, what to do, and no stack trace. */
function expectTold(finished: Finished, wanted: Wanted): void {
  const said = `${finished.stdout}${finished.stderr}`
  expect({ exitCode: finished.exitCode, signal: finished.signal }, said).toEqual({
    exitCode: wanted.exitCode,
    signal: null,
  })
  expect(said).toContain(wanted.code)
  expect(said).toMatch(wanted.about ?? '')
  expect(isErrorCode(wanted.code)).toBe(true)
  expect(said).toMatch(/what to do/i)
  expect(said).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m)
  expect(said).not.toContain('MLP9000')
  // Nobody reads on where a tool's whole answer stands between.
  expect(Math.max(...said.split('\n').map(line => line.length))).toBeLessThan(600)
}

let playground: Playground
const config = () => join(playground.folder, 'mlp.yaml')
const state = () => join(playground.platformHome, 'state.json')
beforeAll(async () => {
  playground = await createPlayground()
})
afterAll(() => playground.dispose())

/** Root may read everything; without these capabilities it may do what its files' modes say. */
const withoutPrivilege: Launch =
  process.getuid?.() === 0
    ? {
        wrapper: ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-all'],
      }
    : {}

describe('mlp.yaml', () => {
  beforeEach(() => rm(config(), { recursive: true, force: true }))

  it.each([
    ['empty', '', 'MLP1002'],
    ['of comments only', '# to be written\n', 'MLP1002'],
    ['no YAML', 'apiVersion: mlp.dev/v1\nclouds: [aws\n', 'MLP1003'],
    ['binary', '\u0000\u0001\u0002', 'MLP1004'],
    ['with mistakes', 'apiVersion: mlp.dev/v1\nproject: X\nclouds: { mars: {} }\n', 'MLP1004'],
    ['a list', '- apiVersion: mlp.dev/v1\n', 'MLP1004'],
    ['of a newer mlp', 'apiVersion: mlp.dev/v7\nproject: ml-platform\n', 'MLP1005'],
  ])('%s', async (_, text, code) => {
    await writeFile(config(), text)
    for (const command of [['bootstrap', '--yes'], ['status'], ['teardown', '--yes']]) {
      expectTold(await playground.mlp(command), { exitCode: 2, code })
    }
    expect(await readFile(config(), 'utf8')).toBe(text)
    expect(await readdir(playground.folder)).toEqual(['mlp.yaml'])
  })

  it('not readable', async () => {
    await writeFile(config(), 'apiVersion: mlp.dev/v1\n')
    await chmod(config(), 0)
    const refused = await playground.start(['bootstrap', '--yes'], {}, withoutPrivilege).finished
    expectTold(refused, { exitCode: 2, code: 'MLP1001' })
    expect(await readdir(playground.folder)).toEqual(['mlp.yaml'])
  })

  it('a folder', async () => {
    await mkdir(config())
    expectTold(await playground.mlp(['bootstrap', '--yes']), { exitCode: 2, code: 'MLP1001' })
  })

  it('that --config names, and that is not there', async () => {
    const refused = await playground.mlp(['bootstrap', '--yes', '--config', 'elsewhere.yaml'])
    expectTold(refused, { exitCode: 2, code: 'MLP1001' })
  })
})

describe('the sandbox’s folder', () => {
  it.each([
    ['where nothing can be made', '/proc/nope'],
    ['below a file', join(import.meta.filename, 'sandbox')],
  ])('%s', async (_, home) => {
    for (const command of [
      ['sandbox', 'start'],
      ['bootstrap', '--to', '2', '--yes'],
    ]) {
      const refused = await playground.mlp(command, { MLP_SANDBOX_HOME: home })
      expectTold(refused, { exitCode: 3, code: 'MLP5208' })
    }
  })
})

describe('with a sandbox that runs', () => {
  beforeAll(async () => {
    const started = await playground.mlp(['sandbox', 'start'])
    expect(started.exitCode, started.stderr).toBe(0)
    const prepared = await playground.mlp(prepare)
    expect(prepared.exitCode, prepared.stdout).toBe(0)
  })

  const besideState = async (kind: string) =>
    (await readdir(playground.platformHome)).filter(name => name.startsWith(`state.json.${kind}-`))

  it.each([
    ['cut short', (text: string) => text.slice(0, text.length / 2)],
    ['empty', () => ''],
    ['of another format', () => '{"terraform_version":"1.11.4"}'],
  ])('a damaged state, %s: told by status, kept beside by a run that goes on', async (_, damage) => {
    const damaged = damage(await readFile(state(), 'utf8'))
    await writeFile(state(), damaged)
    const before = await besideState('damaged')
    expectTold(await playground.mlp(['status']), { exitCode: 2, code: 'MLP5214' })
    expect(await readFile(state(), 'utf8')).toBe(damaged)

    const run = await playground.mlp(prepare)
    expect(run.exitCode, run.stdout).toBe(0)
    expect(run.stdout).toContain('could not be understood')
    const [kept = '', ...others] = (await besideState('damaged')).filter(name => !before.includes(name))
    expect(others).toEqual([])
    expect(run.stdout).toContain(kept)
    expect(await readFile(join(playground.platformHome, kept), 'utf8')).toBe(damaged)
    expect(JSON.parse(await readFile(state(), 'utf8'))).toMatchObject({ schemaVersion: 1 })
  })

  it('the state of a newer mlp: refused, and left as it is', async () => {
    const own = await readFile(state(), 'utf8')
    const newer = JSON.stringify({ ...JSON.parse(own), schemaVersion: 9, mlpVersion: '9.0.0' })
    await writeFile(state(), newer)
    for (const command of [['status'], prepare, ['teardown', '--yes']]) {
      expectTold(await playground.mlp(command), { exitCode: 2, code: 'MLP5210' })
    }
    expect(await readFile(state(), 'utf8')).toBe(newer)
    await writeFile(state(), own)
  })

  it('a token that has expired before the run: nothing is begun', async () => {
    await setFaults(playground, [{ on: 'aws:/', kind: 'expiredCredentials', count: 100 }])
    const about = /aws\/credentials: refused.*expired.*mlp login aws/s
    expectTold(await playground.mlp(prepare), { exitCode: 5, code: 'MLP5230', about })
    await setFaults(playground, [])
    expect((await playground.mlp(prepare)).exitCode).toBe(0)
  })

  it('a token that expires in the middle of a step: the next run goes on', async () => {
    await setFaults(playground, [{ on: 'aws_vpc', kind: 'expiredCredentials', count: 1 }])
    const run = await playground.mlp(foundation)
    expectTold(run, { exitCode: 3, code: 'MLP2101', about: /sign in again/ })
    expect((await playground.mlp(foundation)).exitCode).toBe(0)
  })

  it('no terraform, and no way to get one', async () => {
    // A proxy that does not answer: what the clouds' official release sites are on a machine without a network.
    const unreachable = 'http://127.0.0.1:9'
    const refused = await playground.mlp(foundation, {
      PATH: join(playground.folder, 'no-programs'),
      MLP_TOOLS_CACHE: join(playground.folder, 'tools'),
      NODE_USE_ENV_PROXY: '1',
      HTTPS_PROXY: unreachable,
      NO_PROXY: '127.0.0.1,localhost',
    })
    expectTold(refused, { exitCode: 3, code: 'MLP2012', about: /put it on PATH/ })
    expect((await playground.mlp(foundation)).exitCode).toBe(0)
  })

  it('an endpoint that cannot be reached', async () => {
    const cloud = `apiVersion: mlp.dev/v1
project: ml-platform
owner: grace
target: cloud
clouds:
  aws: { region: us-east-1, accountId: '123456789012' }
`
    await writeFile(config(), cloud)
    const refused = await playground.mlp(prepare, {
      AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
      AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'not-a-secret',
      AWS_EC2_METADATA_DISABLED: 'true',
    })
    await rm(config())
    expectTold(refused, { exitCode: 5, code: 'MLP5230', about: /AWS cannot be reached.*Check the network/s })
  })

  // All that mlp keeps of the platform is on the disk that is full; the sandbox is elsewhere, as the clouds are. Where
  // it stops, at its lock or its log, its record or terraform's files, what is left on the disk decides.
  it.skipIf(!canMount()).each([0, 8, 64, 512])('a full disk, with %i KiB left', async leftKib => {
    const folder = join(playground.folder, '.mlp')
    await using disk = await mountSmallDisk(folder, 32_768)
    const onDisk: Launch = { wrapper: disk.enter }
    disk.fill(leftKib)
    const run = await playground.start([...foundation, '--force'], {}, onDisk).finished
    const code = /MLP\d{4}/.exec(run.stdout + run.stderr)?.[0] ?? ''
    expectTold(run, { exitCode: 3, code, about: /disk is full.*df -h/s })
    const endings = `${run.stdout}\n${run.stderr}`.match(/^(Failed in|Error MLP)/gm)
    expect(endings, 'told once, whatever else cannot be written afterwards').toHaveLength(1)
    disk.free()
    const next = await playground.start(foundation, {}, onDisk).finished
    expect(next.exitCode, next.stdout).toBe(0)
    expect(next.stdout).not.toContain('could not be understood')
  })
})
