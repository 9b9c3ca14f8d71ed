import { eventually } from './core-daemon-process.ts'
import type { SandboxWithGithub } from './github-fixture.ts'

/** A type, not an interface: Octokit's parameters take no other. */
export type At = { readonly owner: string; readonly repo: string }

let made = 0
export async function newRepository(hub: SandboxWithGithub): Promise<At> {
  const at = { owner: 'acme', repo: `pipeline-${made++}` }
  await hub.client().rest.repos.createInOrg({ org: at.owner, name: at.repo, private: true })
  return at
}

/** The newest run, once it is as asked; by default when it has ended. */
export async function runOf(hub: SandboxWithGithub, at: At, status = 'completed', count = 1) {
  let seen = 'none'
  return eventually(`a run that is ${status}`, async () => {
    const { data } = await hub.client().rest.actions.listWorkflowRunsForRepo(at)
    seen = JSON.stringify(data.workflow_runs.map(one => [one.status, one.conclusion]))
    const [run] = data.workflow_runs
    if (data.total_count >= count && run?.status === status) return run
    throw new Error(`runs: ${seen}`)
  })
}

export async function jobsOf(hub: SandboxWithGithub, at: At, runId: number) {
  const { data } = await hub.client().rest.actions.listJobsForWorkflowRun({ ...at, run_id: runId })
  return data.jobs
}

export async function logOf(hub: SandboxWithGithub, at: At, jobId: number): Promise<string> {
  const { data } = await hub.client().rest.actions.downloadJobLogsForWorkflowRun({ ...at, job_id: jobId })
  return String(data)
}

/** How a run ended, with each job's steps, for a message that says what was seen. */
export async function outcome(hub: SandboxWithGithub, at: At, count = 1) {
  const run = await runOf(hub, at, 'completed', count)
  const jobs = await jobsOf(hub, at, run.id)
  const logs = await Promise.all(
    jobs.map(job => (job.status === 'completed' && job.runner_id !== null ? logOf(hub, at, job.id) : '')),
  )
  return {
    run,
    jobs,
    logs: Object.fromEntries(jobs.map((job, index) => [job.name, logs[index] ?? ''])),
    conclusions: Object.fromEntries(jobs.map(job => [job.name, job.conclusion])),
  }
}
