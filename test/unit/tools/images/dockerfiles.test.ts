import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  baseOf,
  entrypointOf,
  environment,
  imageNames,
  imageSpecs,
  user,
  workingFolder,
} from '../../../../src/tools/images/service-images.ts'
import { contentOf, manifests } from '../../../../src/tools/images/sources.ts'

const root = join(import.meta.dirname, '../../../..')

test.each(imageNames)('%s: the Dockerfile says the same as the path without an engine', async name => {
  const text = await readFile(join(root, 'services', name, 'Dockerfile'), 'utf8')
  const final = text.slice(text.lastIndexOf('\nFROM '))
  expect(final).toContain(`\nUSER ${user}\n`)
  expect(final).toContain(`\nWORKDIR ${workingFolder}\n`)
  expect(final).toContain(`\nENV ${environment.join(' ')}\n`)
  expect(final).toContain(`\nEXPOSE ${imageSpecs[name].ports.join(' ')}\n`)
  expect(final).toContain(`\nENTRYPOINT ${JSON.stringify(entrypointOf(name)).replaceAll(',', ', ')}\n`)
  expect(final).toContain(`image.title="${imageSpecs[name].title}"`)
  const copied = [...final.matchAll(/^COPY (services\S+) (\S+)$/gm)].map(([, from, to]) => ({ from, to }))
  expect(copied).toEqual(contentOf(name).map(path => ({ from: path, to: path })))
  for (const path of manifests) expect(text).toContain(path)
})

test('all three stand on one base, by digest', async () => {
  const bases = await Promise.all(imageNames.map(name => baseOf(root, name)))
  expect(new Set(bases).size).toBe(1)
})
