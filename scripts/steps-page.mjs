#!/usr/bin/env node
// Writes docs/steps.md from the phases themselves: node scripts/steps-page.mjs
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createClouds } from '../src/cli/clouds.ts'
import { defaultSandboxConfig } from '../src/config/defaults.ts'
import { phases } from '../src/phases/index.ts'

/** With all that may be left out. */
const config = {
  ...defaultSandboxConfig(),
  domain: 'ml.example.com',
  dns: { cloud: 'aws', zone: 'example.com' },
  monitoring: { fleet: { url: 'https://metrics.example.com/api/v1/write' } },
}
const clouds = await createClouds(
  config,
  { name: 'cloud', environment: {}, caFile: undefined, clouds: {} },
  undefined,
)
const steps = phases.flatMap(phase => phase.steps(config))
const checks = phases.flatMap(phase => phase.checks(config, clouds))

const page = `# Steps and checks

Their ids are API: they are renamed only with an alias. Made by \`node scripts/steps-page.mjs\`; a test compares.

## Steps

| id | title | needs |
|---|---|---|
${steps.map(({ id, title, needs }) => `| \`${id}\` | ${title} | ${needs.map(need => `\`${need}\``).join(', ')} |`).join('\n')}

## Checks

| id | title | what breaks when it fails |
|---|---|---|
${checks.map(({ id, title, why }) => `| \`${id}\` | ${title} | ${why} |`).join('\n')}
`
await writeFile(join(import.meta.dirname, '..', 'docs', 'steps.md'), page)
