import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { defaultSandboxConfig } from '../../../../src/config/defaults.ts'
import type { Config } from '../../../../src/config/schema.ts'
import { deliveryPhase } from '../../../../src/phases/6-delivery/index.ts'
import type { RenderContext } from '../../../../src/phases/phase.ts'

const ids = (config: Config) => deliveryPhase.steps(config).map(({ id }) => id)

test('the clouds trust before environments name their roles, and the pipeline runs after everything', () => {
  const config = defaultSandboxConfig()
  expect(ids(config)).toEqual([
    '6.all.repository',
    ...['aws', 'gcp', 'azure'].flatMap(cloud => [`6.${cloud}.federation`, `6.${cloud}.access`]),
    '6.all.environments',
    '6.all.pipeline',
    '6.all.branch-protection',
  ])
  const needs = deliveryPhase.steps(config).find(({ id }) => id === '6.all.pipeline')?.needs ?? []
  for (const need of ['1.azure.apply-cluster', '3.gcp.api-gateway', '5.aws.stack', '6.aws.access'])
    expect(needs).toContain(need)
})

test('with keys no cloud trusts anybody', () => {
  const config: Config = { ...defaultSandboxConfig(), delivery: { credentials: 'keys' } }
  expect(ids(config)).toEqual([
    '6.all.repository',
    '6.all.environments',
    '6.all.pipeline',
    '6.all.branch-protection',
  ])
  expect(deliveryPhase.checks(config, new Map()).map(({ id }) => id)).toEqual([
    '6.all.last-run',
    '6.all.workflows',
    '6.all.environments',
    '6.all.branch-protection',
    '6.all.secrets',
  ])
})

test('a real cloud without a repository has no phase 6, and is told why', async () => {
  const config: Config = { ...defaultSandboxConfig(), target: 'cloud' }
  expect(ids(config)).toEqual([])
  expect(deliveryPhase.checks(config, new Map())).toEqual([])
  expect(deliveryPhase.leftOut?.(config)).toContain('delivery.repository')
})

test('mlp render writes the files that would be pushed', async () => {
  const templates = fileURLToPath(new URL('../../../../templates', import.meta.url))
  const context: Pick<RenderContext, 'config' | 'templates' | 'clouds' | 'outputs'> = {
    config: defaultSandboxConfig(),
    templates,
    clouds: new Map(),
    outputs: () => undefined,
  }
  const renderings = await deliveryPhase.render(context as RenderContext)
  expect(renderings.map(({ step }) => step)).toEqual([
    '6.aws.access',
    '6.gcp.access',
    '6.azure.access',
    '6.all.pipeline',
  ])
  const rendering = renderings.at(-1)
  expect([...(rendering?.files.keys() ?? [])]).toEqual([
    'delivery/.github/workflows/deploy.yml',
    'delivery/.github/workflows/verify.yml',
    'delivery/.github/workflows/plan.yml',
    'delivery/.github/mlp/set-up.sh',
  ])
})
