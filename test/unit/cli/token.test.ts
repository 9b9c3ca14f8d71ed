import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runToken } from '../../../src/cli/commands/token.ts'
import type { Io } from '../../../src/cli/io.ts'
import { tokenOptions } from '../../../src/cli/options.ts'
import { readToken, type TokenKey, tokenFile, writeToken } from '../../../src/cli/token-cache.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-token-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const key: TokenKey = {
  cloud: 'aws',
  cluster: 'ml-platform-dev',
  selection: [undefined, 'dev', 'sandbox'],
  environment: { AWS_PROFILE: 'one', PATH: '/bin' },
  execInfo: undefined,
}
const now = Date.parse('2026-01-01T00:00:00Z')
const ending = (ms: number) => ({ token: 'secret', expiresAt: new Date(now + ms).toISOString() })

test.each([
  [600_000, true],
  [120_001, true],
  [120_000, false],
  [-1, false],
])('a token that ends in %i ms is used: %s', async (ms, used) => {
  const file = tokenFile(folder, key)
  await writeToken(file, ending(ms))
  expect(await readToken(file, now)).toEqual(used ? ending(ms) : undefined)
})

test('is kept for its user alone, and no secret is in its name', async () => {
  const file = tokenFile(join(folder, 'tokens'), { ...key, environment: { AWS_SECRET_ACCESS_KEY: 'hush' } })
  await writeToken(file, ending(1))
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect((await stat(join(folder, 'tokens'))).mode & 0o777).toBe(0o700)
  expect(await readdir(join(folder, 'tokens'))).toHaveLength(1)
  expect(file).not.toContain('hush')
})

test.each<[string, Partial<TokenKey>]>([
  ['cloud', { cloud: 'gcp' }],
  ['cluster', { cluster: 'other' }],
  ['environment', { selection: [undefined, 'prod', 'sandbox'] }],
  ['identity', { environment: { AWS_PROFILE: 'two', PATH: '/bin' } }],
  ['cluster authority, as kubectl tells it', { execInfo: '{"spec":{}}' }],
])('another %s has another token', (_, change) => {
  expect(tokenFile(folder, { ...key, ...change })).not.toBe(tokenFile(folder, key))
})

test('what does not decide whose token it is makes no difference', () => {
  const elsewhere = { AWS_PROFILE: 'one', PATH: '/usr/bin', LANG: 'C' }
  expect(tokenFile(folder, { ...key, environment: elsewhere })).toBe(tokenFile(folder, key))
})

test.each(['', '{', '{"token":1}', '{"token":"a","expiresAt":"soon"}'])(
  'a damaged file (%j) counts as none',
  async text => {
    const file = join(folder, 'damaged')
    await writeFile(file, text)
    expect(await readToken(file, now)).toBeUndefined()
    expect(await readToken(join(folder, 'missing'), now)).toBeUndefined()
  },
)

test('a kept token is printed as an ExecCredential, without configuration, from any folder', async () => {
  const stdout = new PassThrough()
  const io: Io = {
    args: [],
    stdin: new PassThrough(),
    stdout,
    stderr: new PassThrough(),
    env: { MLP_PLATFORM_FOLDER: folder },
    cwd: '/',
    mlpPath: '/opt/mlp/bin/mlp.js',
    packageRoot: '/opt/mlp',
    version: '0.0.0',
  }
  const options = tokenOptions.parse({ cloud: 'aws', cluster: 'ml-platform-dev', env: 'dev' })
  const file = tokenFile(join(folder, '.mlp', 'tokens'), {
    cloud: 'aws',
    cluster: 'ml-platform-dev',
    selection: [undefined, 'dev', undefined],
    environment: io.env,
    execInfo: undefined,
  })
  const expiresAt = new Date(Date.now() + 600_000).toISOString()
  await writeToken(file, { token: 'kept', expiresAt })
  expect(await runToken(options, io)).toBe(0)
  expect(JSON.parse(String(stdout.read()))).toEqual({
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { token: 'kept', expirationTimestamp: expiresAt },
  })
})
