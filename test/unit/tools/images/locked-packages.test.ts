import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lockedPackages } from '../../../../src/tools/images/locked-packages.ts'
import { imageNames } from '../../../../src/tools/images/service-images.ts'

const lock = (packages: object) => JSON.stringify({ lockfileVersion: 3, packages })
const paths = (text: string) => lockedPackages(text, 'services/a').map(([path]) => path)
const small = {
  '': { devDependencies: { tool: '1' } },
  'services/a': { dependencies: { kit: '1', deep: '1' }, devDependencies: { tool: '1' } },
  'services/b': { dependencies: { other: '1' } },
  'services/kit': { dependencies: { shared: '1' } },
  'node_modules/kit': { resolved: 'services/kit', link: true },
  'node_modules/deep': { version: '1.0.0', dependencies: { shared: '2' }, peerDependencies: { absent: '1' } },
  'node_modules/deep/node_modules/shared': { version: '2.0.0' },
  'node_modules/shared': { version: '1.0.0', optionalDependencies: { native: '1' } },
  'node_modules/native': { version: '1.0.0' },
  'node_modules/other': { version: '1.0.0' },
  'node_modules/tool': { version: '1.0.0' },
}

test('packages are found as Node finds them: nested ones first, links to where they lead', () => {
  expect(paths(lock(small))).toEqual([
    'node_modules/deep',
    'node_modules/deep/node_modules/shared',
    'node_modules/kit',
    'node_modules/native',
    'node_modules/shared',
    'services/a',
    'services/kit',
  ])
})

test('only what a service itself takes from the lock counts', () => {
  const of = (packages: object) => JSON.stringify(lockedPackages(lock(packages), 'services/a'))
  const changed = { version: '9.9.9' }
  for (const path of ['node_modules/tool', 'node_modules/other'])
    expect(of({ ...small, [path]: changed }), path).toBe(of(small))
  for (const path of ['node_modules/native', 'node_modules/deep/node_modules/shared'])
    expect(of({ ...small, [path]: changed }), path).not.toBe(of(small))
})

test.each(imageNames)('%s: of this repository’s lock, a part without tools', async name => {
  const text = await readFile(join(import.meta.dirname, '../../../../package-lock.json'), 'utf8')
  const found = lockedPackages(text, `services/${name}`).map(([path]) => path)
  expect(found).toContain('node_modules/fastify')
  expect(found).toContain('services/kit')
  expect(found.filter(path => /node_modules\/(vitest|typescript|@biomejs)/.test(path))).toEqual([])
})
