import { notFound } from '../errors.ts'
import {
  type Answer,
  type Call,
  created,
  numberParam,
  ok,
  page,
  type Route,
  repositoryOf,
  signedIn,
} from './call.ts'
import { requireCommit } from './commits.ts'
import { jobOf, jobsOf, requireFinished, runOf } from './known-runs.ts'
import { link } from './links.ts'
import { showCheck, showJob } from './show-run.ts'

const root = '/repos/{owner}/{repo}/actions'
const reads = { permission: 'actions', access: 'read' } as const
const writes = { permission: 'actions', access: 'write' } as const
const readsChecks = { permission: 'checks', access: 'read' } as const

function listJobs(call: Call, attempt?: number): Answer {
  const repository = repositoryOf(call)
  const run = runOf(call, repository)
  const every = call.query.get('filter') === 'all'
  const all = jobsOf(call, run).filter(job => every || job.attempt === (attempt ?? run.attempt))
  return page(
    call,
    all,
    job => showJob(run, job, repository, call.bases),
    jobs => ({ total_count: all.length, jobs }),
  )
}

/** The jobs of runs, and the same jobs as checks of their commit. */
export const jobRoutes: readonly Route[] = [
  { method: 'GET', path: `${root}/runs/{run_id}/jobs`, needs: reads, run: call => listJobs(call) },
  {
    method: 'GET',
    path: `${root}/runs/{run_id}/attempts/{attempt_number}/jobs`,
    needs: reads,
    run: call => listJobs(call, numberParam(call, 'attempt_number')),
  },
  {
    method: 'GET',
    path: `${root}/jobs/{job_id}`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      const { run, job } = jobOf(call, repository)
      return ok(showJob(run, job, repository, call.bases))
    },
  },
  {
    method: 'GET',
    path: `${root}/jobs/{job_id}/logs`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      const { run, job } = jobOf(call, repository)
      if (job.startedAt === null) throw notFound()
      return link(call, `/_logs/${run.id}/${job.id}.txt`)
    },
  },
  {
    method: 'POST',
    path: `${root}/jobs/{job_id}/rerun`,
    needs: writes,
    run(call) {
      const repository = repositoryOf(call)
      const { run, job } = jobOf(call, repository)
      requireFinished(run, 'rerun')
      call.hub.actions.rerun(repository, run.id, job.id, signedIn(call).login)
      return created({})
    },
  },
  {
    method: 'GET',
    path: '/repos/{owner}/{repo}/commits/{ref}/check-runs',
    needs: readsChecks,
    async run(call) {
      const repository = repositoryOf(call)
      const sha = await requireCommit(call, repository, 'ref')
      const all = call.hub.records.runs
        .list(`${repository.id}/`)
        .filter(run => run.sha === sha)
        .flatMap(run => jobsOf(call, run).flatMap(job => (job.attempt === run.attempt ? [{ run, job }] : [])))
      return page(
        call,
        all,
        ({ run, job }) => showCheck(run, job, repository, call.bases),
        shown => ({ total_count: all.length, check_runs: shown }),
      )
    },
  },
  {
    method: 'GET',
    path: '/repos/{owner}/{repo}/check-runs/{check_run_id}',
    needs: readsChecks,
    run(call) {
      const repository = repositoryOf(call)
      const { run, job } = jobOf(call, repository, 'check_run_id')
      return ok(showCheck(run, job, repository, call.bases))
    },
  },
  {
    method: 'GET',
    path: '/repos/{owner}/{repo}/check-runs/{check_run_id}/annotations',
    needs: readsChecks,
    run(call) {
      const repository = repositoryOf(call)
      const { job } = jobOf(call, repository, 'check_run_id')
      return page(call, job.annotations, ({ level, message, title }) => ({
        path: '.github',
        start_line: 1,
        end_line: 1,
        start_column: null,
        end_column: null,
        annotation_level: level,
        title: title ?? '',
        message,
        raw_details: '',
        blob_href: '',
      }))
    },
  },
]
