import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createClouds } from '../../../src/cli/clouds.ts'
import { defaultSandboxConfig } from '../../../src/config/defaults.ts'
import { phases } from '../../../src/phases/index.ts'

const text = readFileSync(new URL('../../../docs/steps.md', import.meta.url), 'utf8')
/** With all that may be left out. */
const config = {
  ...defaultSandboxConfig(),
  domain: 'ml.example.com',
  dns: { cloud: 'aws' as const, zone: 'example.com' },
  monitoring: { fleet: { url: 'https://metrics.example.com/api/v1/write' } },
}

/** Ids are API: other programs rely on them, so a change has to be seen in a diff of this page. */
describe('docs/steps.md', () => {
  const rows = (heading: string) =>
    [
      ...(text.split(`## ${heading}`)[1]?.split('\n## ')[0] ?? '').matchAll(
        /^\| `(\d\.[a-z]+\.[a-z-]+)` \| (.+?) \|/gm,
      ),
    ].map(([, id, title]) => `${id} ${title}`)

  it('lists every step with its title', () => {
    const steps = phases.flatMap(phase => phase.steps(config)).map(({ id, title }) => `${id} ${title}`)
    expect(rows('Steps')).toEqual(steps)
  })

  it('lists every check with its title', async () => {
    const target = { name: 'cloud' as const, environment: {}, caFile: undefined, clouds: {} }
    const clouds = await createClouds(config, target, undefined)
    const checks = phases
      .flatMap(phase => phase.checks(config, clouds))
      .map(({ id, title }) => `${id} ${title}`)
    expect(rows('Checks')).toEqual(checks)
  })
})
