import { lstat, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import {
  contextState,
  type KubeContext,
  mergeIntoKubeconfig,
  platformVariable,
  readKubeconfig,
  removeContexts,
  removeFromKubeconfig,
  setContexts,
  userKubeconfigPath,
  writeKubeconfig,
} from '../../../src/kube/kubeconfig.ts'

const file = '/home/someone/.kube/config'
const platform = '/work/platform'
const context = (name: string, changes: Partial<KubeContext> = {}): KubeContext => ({
  name,
  server: `https://${name}.example.com`,
  certificateAuthorityPem: 'PEM',
  exec: {
    apiVersion: 'v1',
    command: '/usr/bin/node',
    args: ['/opt/mlp/bin/mlp.js', 'token', name.split('-')[0] ?? '', 'ml-platform-dev'],
    env: { [platformVariable]: platform },
  },
  ...changes,
})

const theirs = `# My clusters; do not touch.
apiVersion: v1
kind: Config
preferences: {colors: true}
current-context: work # the one I use
clusters:
- name: work # in the office
  cluster: {server: https://work.example.com, extensions: [{name: x, extension: {unknown: 1}}]}
users:
- name: me
  user: {token: abc}
contexts:
- name: work
  context: {cluster: work, user: me, namespace: team}
`

describe('setting contexts', () => {
  test.each([
    ['an empty file', ''],
    ['only comments', '# nothing yet\n'],
    ['no entries', 'apiVersion: v1\nkind: Config\n'],
    [
      'null lists, as kubectl leaves them',
      'apiVersion: v1\nkind: Config\nclusters: null\ncontexts: null\nusers: null\n',
    ],
    ['other entries', theirs],
    ['JSON', '{"apiVersion":"v1","kind":"Config","clusters":[],"users":[],"contexts":[]}'],
  ])('works on %s, and setting twice is setting once', (_, before) => {
    const once = setContexts(before, [context('aws-dev'), context('gcp-dev')], file)
    expect(setContexts(once, [context('aws-dev'), context('gcp-dev')], file)).toBe(once)
    expect(contextState(once, context('aws-dev'), file)).toBe('as-wanted')
    expect(parse(once)).toMatchObject({ apiVersion: 'v1', kind: 'Config' })
  })

  test('makes the exec plugin that kubectl wants', () => {
    const { users } = parse(setContexts('', [context('aws-dev')], file))
    expect(users).toEqual([
      {
        name: 'aws-dev',
        user: {
          exec: {
            apiVersion: 'client.authentication.k8s.io/v1',
            command: '/usr/bin/node',
            args: ['/opt/mlp/bin/mlp.js', 'token', 'aws', 'ml-platform-dev'],
            env: [{ name: platformVariable, value: platform }],
            interactiveMode: 'Never',
            provideClusterInfo: true,
          },
        },
      },
    ])
  })

  test('keeps comments, unknown fields and the current context', () => {
    const after = setContexts(theirs, [context('aws-dev')], file)
    for (const kept of ['# My clusters; do not touch.', '# in the office', '# the one I use', 'unknown: 1']) {
      expect(after).toContain(kept)
    }
    expect(parse(after)['current-context']).toBe('work')
  })

  test('replaces our own context, whose cluster has moved', () => {
    const before = setContexts(theirs, [context('aws-dev')], file)
    const moved = context('aws-dev', { server: 'https://elsewhere.example.com' })
    expect(contextState(before, moved, file)).toBe('other')
    expect(contextState(setContexts(before, [moved], file), moved, file)).toBe('as-wanted')
  })

  test.each([
    ['a context', 'contexts: [{name: aws-dev, context: {cluster: work, user: me}}]'],
    ['a cluster', 'clusters: [{name: aws-dev, cluster: {server: https://x}}]'],
    ['a user', 'users: [{name: aws-dev, user: {token: abc}}]'],
    [
      'another platform’s context',
      setContexts(
        '',
        [context('aws-dev', { exec: { ...context('aws-dev').exec, env: { [platformVariable]: '/other' } } })],
        file,
      ),
    ],
    [
      'a context of theirs that borrows our user',
      setContexts('', [context('aws-dev')], file).replace('user: aws-dev\n', 'user: me\n'),
    ],
  ])('does not clobber %s of the same name', (_, before) => {
    expect(() => setContexts(before, [context('aws-dev')], file)).toThrow(
      expect.objectContaining({ code: 'MLP4022' }),
    )
  })

  test.each([
    ['broken YAML', 'clusters: [\n'],
    ['a list', '- a\n'],
    ['a text', 'hello\n'],
    ['clusters that are no list', 'clusters: {a: 1}\n'],
  ])('says what is wrong with %s', (_, text) => {
    expect(() => setContexts(text, [context('aws-dev')], file)).toThrow(
      expect.objectContaining({ code: 'MLP4021', message: expect.stringContaining(file) }),
    )
  })
})

describe('removing contexts', () => {
  test('takes ours out and nothing else', () => {
    const both = setContexts(theirs, [context('aws-dev'), context('gcp-dev')], file)
    const after = removeContexts(both, ['aws-dev', 'gcp-dev', 'work'], platform, file)
    expect(parse(after)).toEqual(parse(theirs))
    expect(after).toContain('# My clusters; do not touch.')
  })

  test('leaves another platform’s context', () => {
    const before = setContexts(theirs, [context('aws-dev')], file)
    expect(parse(removeContexts(before, ['aws-dev'], '/other', file))).toEqual(parse(before))
  })

  test('leaves a text without lists as it is, to the letter', () => {
    const empty = '# mine\napiVersion: v1\nkind: Config\n'
    expect(removeContexts(empty, ['aws-dev'], platform, file)).toBe(empty)
  })

  test('forgets a current context that is gone', () => {
    const before = setContexts('current-context: aws-dev\n', [context('aws-dev')], file)
    expect(parse(removeContexts(before, ['aws-dev'], platform, file))['current-context']).toBe('')
  })

  test('any foreign kubeconfig comes back from set and remove as it was', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}$/).filter(text => !text.endsWith('-dev'))
    const entry = fc.record({ name, cluster: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string()) })
    const kubeconfig = fc.record({
      apiVersion: fc.constant('v1'),
      kind: fc.constant('Config'),
      clusters: fc.array(entry),
      users: fc.array(
        fc.record({ name, user: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string()) }),
      ),
      contexts: fc.array(fc.record({ name, context: fc.record({ cluster: name, user: name }) })),
      other: fc.jsonValue(),
    })
    fc.assert(
      fc.property(kubeconfig, before => {
        const text = JSON.stringify(before)
        const set = setContexts(text, [context('aws-dev'), context('gcp-dev')], file)
        const after = removeContexts(set, ['aws-dev', 'gcp-dev'], platform, file)
        expect(JSON.stringify(parse(after))).toBe(JSON.stringify(parse(text)))
      }),
    )
  })
})

describe('on disk', () => {
  let folder: string
  let config: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mlp-kubeconfig-'))
    config = join(folder, 'deep', 'config')
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  test('is written for its user alone, and a missing one reads as empty', async () => {
    expect(await readKubeconfig(config)).toBe('')
    await writeKubeconfig(config, theirs)
    expect((await stat(config)).mode & 0o777).toBe(0o600)
    expect(await readKubeconfig(config)).toBe(theirs)
  })

  test('is copied before it is changed, and left alone when nothing changes', async () => {
    await writeKubeconfig(config, theirs)
    expect(await mergeIntoKubeconfig(config, [context('aws-dev')])).toBe(true)
    expect(await readFile(`${config}.mlp-backup`, 'utf8')).toBe(theirs)
    expect(await mergeIntoKubeconfig(config, [context('aws-dev')])).toBe(false)
    expect(await removeFromKubeconfig(config, ['aws-dev'], platform)).toBe(true)
    expect(await removeFromKubeconfig(config, ['aws-dev'], platform)).toBe(false)
  })

  test('stays a link where it was one', async () => {
    const real = join(folder, 'dotfiles')
    const link = join(folder, 'link')
    await writeFile(real, theirs)
    await symlink(real, link)
    await mergeIntoKubeconfig(link, [context('aws-dev')])
    expect((await lstat(link)).isSymbolicLink()).toBe(true)
    expect(await readFile(real, 'utf8')).toContain('aws-dev')
  })

  test('that cannot be read is told with its path', async () => {
    await expect(readKubeconfig(folder)).rejects.toMatchObject({ code: 'MLP4020' })
  })

  test.each([
    [{ KUBECONFIG: '/a:/b', HOME: '/h' }, '/a'],
    [{ KUBECONFIG: ':/b', HOME: '/h' }, '/b'],
    [{ KUBECONFIG: '', HOME: '/h' }, '/h/.kube/config'],
    [{ HOME: '/h' }, '/h/.kube/config'],
  ])('the user’s own is found as kubectl finds it: %j', (environment, expected) => {
    expect(userKubeconfigPath(environment)).toBe(expected)
  })
})
