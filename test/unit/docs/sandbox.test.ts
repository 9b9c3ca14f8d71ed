import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { faultSchema } from '../../../sandbox/src/faults.ts'

const repository = fileURLToPath(new URL('../../..', import.meta.url))
const page = readFileSync(join(repository, 'docs/sandbox.md'), 'utf8')
const sources = (folder: string) =>
  readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => readFileSync(join(repository, folder, name), 'utf8'))
    .join('\n')
const found = (text: string, pattern: RegExp) =>
  [...new Set([...text.matchAll(pattern)].map(([whole, part]) => part ?? whole))].sort()

describe('docs/sandbox.md', () => {
  test('names every setting, and none that is not read', () => {
    const read = found(sources('sandbox/src') + sources('src'), /MLP_SANDBOX_[A-Z_]+/g)
    expect(found(page, /MLP_[A-Z_]+/g)).toEqual(read)
  })

  test('names every request of the control socket, and none that it refuses', () => {
    const control = readFileSync(join(repository, 'sandbox/src/http/control.ts'), 'utf8')
    const answered = found(control, /case '([A-Z]+ \/[\w-]+)'/g)
    expect(found(page, /`((?:GET|PUT|POST) \/[\w-]+)`/g)).toEqual(answered)
  })

  test('names every kind of fault, by examples that are taken', () => {
    const kinds = page.slice(page.indexOf('| kind |'))
    expect(found(kinds, /^\| `(\w+)`/gm)).toEqual([...faultSchema.shape.kind.options].sort())
    const examples = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text = '']) => JSON.parse(text))
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) z.strictObject({ faults: z.array(faultSchema) }).parse(example)
  })

  test('names folders that are there', () => {
    for (const folder of found(page, /`(sandbox\/[\w/]+)`/g))
      expect(readdirSync(join(repository, folder)), folder).not.toEqual([])
  })
})
