import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseApiKeys } from '../src/authentication/api-keys.ts'
import { parseConfiguration } from '../src/configuration.ts'
import { gatewaySettings } from '../src/settings.ts'
import { startGateway } from './gateway-fixture.ts'

const root = join(import.meta.dirname, '../../..')
const page = readFileSync(join(root, 'docs/services/api-gateway.md'), 'utf8')
const section = (title: string) => page.split(/^## /m).find(part => part.startsWith(`${title}\n`)) ?? ''
const file = (name: string) => new RegExp(`\`\`\`yaml ${name}\\n([^\`]*)\`\`\``).exec(page)?.[1] ?? ''
/** What the cells of a table's column name in code. */
const named = (title: string, column: number) =>
  section(title)
    .split('\n')
    .filter(line => line.startsWith('| `') || /^\| \d/.test(line))
    .flatMap(line =>
      [...(line.split('|')[column] ?? '').matchAll(/`([\w-]+)`/g)].flatMap(([, name]) => name ?? []),
    )

test('both files on the page are taken', () => {
  expect(parseConfiguration(file('configuration'), 'page').models['recommendations']?.hedgeAfterMs).toBe(200)
  expect(parseApiKeys(file('keys'), 'page').find('mlp_0123456789abcdef_nothing')).toBeUndefined()
})

test('every setting is on the page, and none that does not exist', () => {
  expect(named('Settings', 1).sort()).toEqual(Object.keys(gatewaySettings.shape).sort())
})

test('every problem is on the page, and none that does not exist', () => {
  const folder = join(root, 'services/api-gateway/src')
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.ts'),
  )
  const kinds = sources.flatMap(name =>
    [...readFileSync(join(folder, name), 'utf8').matchAll(/kind: '([\w-]+)',?\s*title/g)].flatMap(
      ([, kind]) => kind ?? [],
    ),
  )
  expect(named('Errors', 2).sort()).toEqual([...new Set(kinds)].sort())
})

test('every metric is on the page, and none that does not exist', async () => {
  await using gateway = await startGateway({
    configuration: { upstreams: { models: { url: 'http://127.0.0.1:9' } }, defaultUpstream: 'models' },
  })
  const exposed = [...(await gateway.metrics()).matchAll(/^# TYPE (gateway_\w+) /gm)].map(([, name]) => name)
  expect(named('Metrics', 1).sort()).toEqual(exposed.sort())
})
