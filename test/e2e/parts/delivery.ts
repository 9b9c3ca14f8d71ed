import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { promisify } from 'node:util'
import { Octokit } from '@octokit/core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import * as z from 'zod'
import { expectSuccess, type Playground } from '../../support/mlp.ts'
import { sandboxTarget } from '../../support/sandbox.ts'

const verdict = z.object({
  checks: z.array(z.object({ id: z.string(), status: z.string(), detail: z.string() })),
})
const targetSchema = z.object({
  github: z.object({ apiUrl: z.string(), environment: z.record(z.string(), z.string()) }),
})

/** A platform of aws and gcp whose phase 6 is done, on the sandbox's GitHub. */
export function testDelivery(
  platform: () => Playground,
  at: { readonly owner: string; readonly repo: string },
): void {
  const authorities = getCACertificates('default')
  let github: Octokit
  beforeAll(async () => {
    const ca = await readFile(join(platform().sandboxHome, 'ca.pem'), 'utf8')
    setDefaultCACertificates([...authorities, ca])
    const { apiUrl, environment } = targetSchema.parse(await sandboxTarget(platform())).github
    github = new Octokit({ baseUrl: apiUrl, auth: environment['GH_TOKEN'] })
  })
  afterAll(() => setDefaultCACertificates(authorities))

  const unhealthy = async () => {
    const finished = await platform().mlp(['verify', '6', '--json'])
    const { checks } = verdict.parse(JSON.parse(finished.stdout))
    return checks.filter(({ status }) => status !== 'pass')
  }

  it('was deployed by its own pipeline, whose jobs signed in to both clouds without a key', async () => {
    const { data } = await github.request('GET /repos/{owner}/{repo}/actions/runs', at)
    expect(data.workflow_runs.map(({ name, conclusion }) => `${name} ${conclusion}`)).toEqual([
      'Deploy success',
    ])
    const [run] = data.workflow_runs
    const { data: found } = await github.request('GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs', {
      ...at,
      run_id: Number(run?.id),
    })
    expect(found.jobs.map(({ name, conclusion }) => `${name}: ${conclusion}`)).toEqual([
      'Images: success',
      'Deploy to aws: success',
      'Deploy to gcp: success',
      'Record: success',
    ])
    const { data: secrets } = await github.request(
      'GET /repos/{owner}/{repo}/environments/{environment_name}/secrets',
      { ...at, environment_name: 'dev' },
    )
    expect(secrets.total_count).toBe(0)
  })

  it('misses by name what is taken away from its pipeline, and makes it again', async () => {
    await github.request('DELETE /repos/{owner}/{repo}/branches/{branch}/protection', {
      ...at,
      branch: 'main',
    })
    await github.request('DELETE /repos/{owner}/{repo}/environments/{environment_name}/variables/{name}', {
      ...at,
      environment_name: 'dev-read',
      name: 'GOOGLE_SERVICE_ACCOUNT',
    })
    await promisify(execFile)('kubectl', [
      '--kubeconfig',
      join(platform().folder, '.mlp', 'sandbox', `${at.repo}-dev`, 'kubeconfig'),
      '--context',
      'aws-dev',
      'delete',
      'clusterrolebinding',
      'mlp-pipeline-read',
    ])
    const missed = await unhealthy()
    expect(missed.map(({ id, status }) => `${id} ${status}`).toSorted()).toEqual([
      '6.all.branch-protection fail',
      '6.aws.access fail',
      '6.gcp.trust fail',
    ])
    expect(missed.map(({ detail }) => detail).toSorted()).toEqual([
      expect.stringContaining('mlp-pipeline-read: missing'),
      'main is not protected',
      'missing: GOOGLE_SERVICE_ACCOUNT in the environment dev-read',
    ])
    expectSuccess(await platform().mlp(['phase', '6', '--yes', '--json']))
    expect(await unhealthy()).toEqual([])
  })
}
