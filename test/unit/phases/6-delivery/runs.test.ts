import { describe, expect, test } from 'vitest'
import type { GitHub } from '../../../../src/phases/6-delivery/github.ts'
import type { Opened } from '../../../../src/phases/6-delivery/repository.ts'
import { failureOf, follow } from '../../../../src/phases/6-delivery/runs.ts'

const run = {
  id: 7,
  url: 'https://github.com/acme/platform/actions/runs/7',
  commit: 'c0ffee',
  status: 'queued',
  conclusion: null,
}

/** GitHub's answers by route, each time the next; the last one stays. */
function gitHub(answers: Readonly<Record<string, readonly unknown[]>>): Opened {
  const asked = new Map<string, number>()
  const octokit = {
    request: async (route: string) => {
      const all = Object.entries(answers).find(([end]) => route.endsWith(end))?.[1] ?? []
      const turn = asked.get(route) ?? 0
      asked.set(route, turn + 1)
      return { data: all[Math.min(turn, all.length - 1)] }
    },
  }
  const ask = async (_what: string, question: (octokit: never) => Promise<{ data: unknown }>) =>
    (await question(octokit as never)).data
  const github = {
    target: { apiUrl: '', webUrl: 'https://github.com', environment: {} },
    token: '',
    ask,
    find: ask,
    whoami: async () => ({ login: 'grace', scopes: [] }),
  } as unknown as GitHub
  return {
    github,
    at: { owner: 'acme', repo: 'platform' },
    delivery: { branch: 'main' } as Opened['delivery'],
  }
}

const shown = (status: string, conclusion: string | null) => ({
  id: 7,
  html_url: run.url,
  head_sha: run.commit,
  status,
  conclusion,
})
const step = (name: string, status: string, conclusion: string | null = null) => ({
  name,
  status,
  conclusion,
})

describe('following a run', () => {
  test('tells the job and its step as they come, and ends with the run', async () => {
    const job = (status: string, ...steps: readonly object[]) => ({
      jobs: [{ id: 1, name: 'Deploy to aws', status, steps }],
    })
    const opened = gitHub({
      '/runs/{run_id}': [shown('queued', null), shown('in_progress', null), shown('completed', 'success')],
      '/jobs': [
        { jobs: [] },
        job('in_progress', step('Check out', 'completed', 'success'), step('Deploy', 'in_progress')),
        job('completed', step('Check out', 'completed', 'success'), step('Deploy', 'completed', 'success')),
      ],
    })
    const told: string[] = []
    const end = await follow(opened, run, new AbortController().signal, message => told.push(message))
    expect(end.conclusion).toBe('success')
    expect(told).toEqual([`queued: ${run.url}`, 'Deploy to aws: Deploy', `completed: ${run.url}`])
  })

  test('an interrupt ends it at once', async () => {
    const stop = new AbortController()
    const opened = gitHub({ '/runs/{run_id}': [shown('in_progress', null)], '/jobs': [{ jobs: [] }] })
    const following = follow(opened, run, stop.signal, () => stop.abort())
    await expect(following).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('a failure names job and step, with the end of its log', async () => {
    const lines = ['building', '##[error]Process completed with exit code 3.', 'cleaning up']
    const opened = gitHub({
      '/jobs': [
        {
          jobs: [
            { id: 1, name: 'Images', conclusion: 'success', steps: [] },
            {
              id: 2,
              name: 'Deploy to gcp',
              conclusion: 'failure',
              steps: [step('Check out', 'completed', 'success'), step('Deploy', 'completed', 'failure')],
            },
            { id: 3, name: 'Deploy to azure', conclusion: 'failure', steps: [] },
          ],
        },
      ],
      '/logs': [lines.map(line => `2026-11-30T12:00:00.0000000Z ${line}`).join('\r\n')],
    })
    const error = await failureOf(opened, { ...run, status: 'completed', conclusion: 'failure' })
    expect(error).toMatchObject({
      code: 'MLP5307',
      exitCode: 3,
      message: 'The pipeline’s run 7 ended with failure: Deploy to gcp, Deploy'.replace('’', "'"),
      detail: 'building\n##[error]Process completed with exit code 3.\nFailed as well: Deploy to azure',
    })
    expect(error.remedy).toContain(run.url)
  })
})
