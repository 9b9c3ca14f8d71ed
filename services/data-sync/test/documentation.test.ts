import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sharedSettings } from '@mlp/service-kit/settings'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { createMetrics } from '../src/metrics.ts'
import { createSemaphore } from '../src/semaphore.ts'
import { settingsSchema } from '../src/settings.ts'

const page = readFileSync(join(import.meta.dirname, '../../../docs/services/data-sync.md'), 'utf8')
const section = (title: string) => page.split(/^## /m).find(part => part.startsWith(`${title}\n`)) ?? ''
/** What the first cells of a section's first table name in code. */
const named = (title: string) =>
  section(title)
    .split('\n')
    .filter(line => line.startsWith('| `'))
    .flatMap(line =>
      [...(line.split('|')[1] ?? '').matchAll(/`([\w-]+)`/g)].flatMap(([, name]) => name ?? []),
    )

test('every setting is on the page, and none that does not exist', () => {
  const shared = Object.keys(sharedSettings(1).shape)
  const own = Object.keys(settingsSchema.shape).filter(name => !shared.includes(name))
  expect(named('Settings').sort()).toEqual(own.sort())
  for (const name of shared) expect(section('Settings')).toContain(`\`${name}\``)
})

test('every metric is on the page, and none that does not exist', async () => {
  const registry = new Registry()
  createMetrics(registry, createSemaphore(1))
  const exposed = registry.getMetricsAsArray().map(({ name }) => name)
  expect(named('Metrics').sort()).toEqual(exposed.sort())
})
