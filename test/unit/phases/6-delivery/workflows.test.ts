import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { defaultSandboxConfig } from '../../../../src/config/defaults.ts'
import { deliveryOf } from '../../../../src/config/delivery.ts'
import type { Config } from '../../../../src/config/schema.ts'
import { pipelineFiles } from '../../../../src/phases/6-delivery/workflows.ts'

const templates = fileURLToPath(new URL('../../../../templates', import.meta.url))

async function filesOf(config: Config): Promise<ReadonlyMap<string, string>> {
  const delivery = deliveryOf(config)
  if (delivery === undefined) throw new Error('no delivery')
  return await pipelineFiles({ config, templates }, delivery)
}

const withKeys: Config = {
  ...defaultSandboxConfig('prod'),
  delivery: { repository: 'acme/platform', branch: 'release', credentials: 'keys', mlp: 'acme/mlp' },
}

describe('the pipeline’s files', () => {
  test.each([
    ['without keys', defaultSandboxConfig()],
    ['with keys', withKeys],
  ])(
    '%s: every placeholder is filled, actions are pinned, rights are given job by job',
    async (_, config) => {
      for (const [path, text] of await filesOf(config)) {
        expect(text.replaceAll('GITHUB_', ''), path).not.toMatch(/__[A-Z]/)
        if (!path.endsWith('.yml')) continue
        for (const [, use = ''] of text.matchAll(/uses: (\S+)/g)) expect(use).toMatch(/@[0-9a-f]{40}$/)
        const workflow = parse(text)
        expect(workflow.permissions, path).toEqual({})
        expect(Object.keys(workflow.on), path).not.toContain('pull_request_target')
        expect(workflow.concurrency.group, path).toContain(config.environment)
        for (const job of Object.values<{ permissions: object }>(workflow.jobs))
          expect(job.permissions, path).toBeDefined()
      }
    },
  )

  test('deploy by mlp, one cloud after the other, in the environment of mlp.yaml', async () => {
    const deploy = parse((await filesOf(defaultSandboxConfig())).get('.github/workflows/deploy.yml') ?? '')
    expect(deploy.on.push.branches).toEqual(['main'])
    expect(deploy.jobs.deploy.strategy).toEqual({
      'fail-fast': false,
      'max-parallel': 1,
      matrix: { cloud: ['aws', 'gcp', 'azure'] },
    })
    expect(deploy.jobs.deploy.environment).toBe('dev')
    expect(deploy.jobs.deploy.permissions).toEqual({ contents: 'read', 'id-token': 'write' })
    expect(deploy.jobs.record.permissions).toEqual({ contents: 'write' })
    expect(JSON.stringify(deploy)).not.toMatch(/kubectl|helm |secrets\./)
  })

  test('keys: the guide’s four secrets, and no right to ask for a token', async () => {
    const deploy = parse((await filesOf(withKeys)).get('.github/workflows/deploy.yml') ?? '')
    expect(Object.keys(deploy.jobs.images.env)).toEqual([
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
      'GCP_SA_KEY',
      'AZURE_CREDENTIALS',
    ])
    expect(deploy.jobs.deploy.permissions).toEqual({ contents: 'read' })
  })

  test('a repository is never guessed for a real cloud', () => {
    expect(deliveryOf({ ...defaultSandboxConfig(), target: 'cloud' })).toBeUndefined()
    expect(deliveryOf(defaultSandboxConfig())).toMatchObject({ owner: 'ml-platform', name: 'ml-platform' })
  })
})
