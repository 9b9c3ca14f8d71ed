import { join } from 'node:path'
import { MlpError } from '../../engine/errors.ts'
import type { Leftover } from '../../engine/events.ts'
import type { JsonObject } from '../../engine/json.ts'
import type { Progress, Status, StepId, Undone } from '../../engine/step.ts'
import { type Head, openRemote, type Remote } from '../../tools/git.ts'
import { type LockFile, lockFileName, parseLock } from '../lock-file.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { environmentsStepId } from './environments-step.ts'
import { platformFiles } from './platform-files.ts'
import { deliveryInputs, type Opened, open, repositoryStepId } from './repository.ts'
import { awaitRun, failureOf, follow, hasEnded, newestRun, type PipelineRun } from './runs.ts'
import { deployWorkflow, pipelineFiles } from './workflows.ts'

export const pipelineStepId: StepId = '6.all.pipeline'

/** Commits and pushes the platform's files, and follows the run that this starts to its end. */
export function pipelineStep(needs: readonly StepId[]): PlatformStep {
  return {
    id: pipelineStepId,
    cloud: 'all',
    title: 'Pipeline: push, deploy, follow',
    needs: [environmentsStepId, ...needs],
    inputs: context => deliveryInputs(context),
    status: context => statusOf(context),
    async apply(context, progress) {
      const opened = await open(context)
      const remote = await openBranch(context, opened)
      const found = await compare(context, opened, remote)
      if (found.changes.size > 0) await agreeToPush(context, opened, found)
      // The jobs take the lock that this run holds.
      const run = await context.lendLock(`github:${opened.at.owner}/${opened.at.repo}`, () =>
        pushAndFollow(context, opened, remote, found, progress),
      )
      if (run.conclusion !== 'success') throw await failureOf(opened, run)
      return { run: run.url, commit: run.commit }
    },
    undo: undoPipeline,
  }
}

interface Comparison {
  readonly head: Head | undefined
  /** What has to be written where. */
  readonly changes: ReadonlyMap<string, string>
  /** Of those, what the branch has in other words. */
  readonly differing: readonly string[]
}

export async function openBranch(context: Context, { github, at }: Opened): Promise<Remote> {
  return await openRemote(context, {
    url: `${github.target.webUrl}/${at.owner}/${at.repo}.git`,
    token: github.token,
    environment: github.target.environment,
    folder: join(context.home, 'delivery.git'),
    step: pipelineStepId,
  })
}

export async function compare(context: Context, opened: Opened, remote: Remote): Promise<Comparison> {
  const head = await remote.head(opened.delivery.branch)
  const lock = await pushedLock(remote, head)
  const wanted = await platformFiles(context, lock)
  const changes = new Map<string, string>()
  const differing: string[] = []
  for (const [path, content] of wanted) {
    const id = head?.files.get(path)
    if (id === remote.idOf(content)) continue
    changes.set(path, content)
    if (id !== undefined) differing.push(path)
  }
  return { head, changes, differing }
}

async function pushedLock(remote: Remote, head: Head | undefined): Promise<LockFile | undefined> {
  const id = head?.files.get(lockFileName)
  return id === undefined ? undefined : parseLock(await remote.read(id), `${lockFileName} on GitHub`)
}

async function statusOf(context: Context): Promise<Status> {
  if (context.outputs(repositoryStepId) === undefined)
    return { state: 'absent', why: 'there is no repository yet' }
  const opened = await open(context)
  const remote = await openBranch(context, opened)
  const { head, changes, differing } = await compare(context, opened, remote)
  if (head === undefined || !head.files.has(`.github/workflows/${deployWorkflow}`))
    return { state: 'absent', why: 'the workflows are not in the repository' }
  if (changes.size > 0) {
    const how =
      differing.length > 0 ? `${differing.join(', ')} differ` : `${[...changes.keys()].join(', ')} missing`
    return { state: 'drifted', why: how }
  }
  const run = await newestRun(opened)
  if (run === undefined) return { state: 'partial', why: 'the pipeline has never run' }
  if (!hasEnded(run)) return { state: 'partial', why: `its run ${run.id} is ${run.status}` }
  if (run.conclusion !== 'success')
    return { state: 'partial', why: `its last run ended with ${run.conclusion}` }
  return {
    state: 'present',
    outputs: { run: run.url, commit: run.commit } satisfies JsonObject,
    why: `its last run, ${run.id}, is green`,
  }
}

async function agreeToPush(context: Context, { delivery }: Opened, { changes }: Comparison): Promise<void> {
  const details = [...changes.keys()].toSorted()
  for (const path of details)
    context.emit({ type: 'notice', level: 'info', message: `to be pushed: ${path}` })
  const agreed = await context.consent.approve({
    id: 'push-files',
    message: `Commit ${details.length} files and push them to ${delivery.branch} of ${delivery.owner}/${delivery.name}, which deploys them?`,
    details: [...details, 'Your working tree, index and branches are not touched.'],
    safe: true,
    flag: '--yes',
  })
  if (agreed) return
  throw new MlpError({
    code: 'MLP5002',
    summary: 'Nothing was pushed: the answer was no',
    remedy: ['mlp render <folder> shows the files.'],
  })
}

async function pushAndFollow(
  context: Context,
  opened: Opened,
  remote: Remote,
  { head, changes }: Comparison,
  progress: Progress,
): Promise<PipelineRun> {
  const { delivery } = opened
  const run =
    changes.size > 0
      ? await pushed(context, opened, remote, head, changes, progress)
      : await startedAgain(context, opened, head, progress)
  try {
    return await follow(opened, run, context.signal, (message, fraction) =>
      progress.report(message, fraction),
    )
  } catch (error) {
    if (context.signal.aborted) {
      const message = `the pipeline goes on without this machine: ${run.url}; the next run of mlp follows it on`
      context.emit({ type: 'notice', level: 'warning', message })
    }
    throw error
  } finally {
    progress.report(`${delivery.owner}/${delivery.name}: run ${run.id}`)
  }
}

async function pushed(
  context: Context,
  opened: Opened,
  remote: Remote,
  head: Head | undefined,
  changes: ReadonlyMap<string, string>,
  progress: Progress,
): Promise<PipelineRun> {
  const { branch } = opened.delivery
  progress.report(`pushing ${changes.size} files to ${branch}`)
  const { environment, project } = context.config
  const commit = await remote.commit(branch, head, changes, `mlp: deploy ${project}, ${environment}`)
  progress.report(`waiting for the run of ${commit.slice(0, 10)}`)
  return await awaitRun(opened, commit, undefined, context.signal)
}

/** Nothing to push: a run that is under way is followed; one that failed, or never was, is started. */
async function startedAgain(
  context: Context,
  opened: Opened,
  head: Head | undefined,
  progress: Progress,
): Promise<PipelineRun> {
  const last = await newestRun(opened)
  if (last !== undefined && !hasEnded(last)) return last
  if (head === undefined) throw new Error('nothing to push, yet the branch has no commit')
  const { github, at, delivery } = opened
  progress.report(`starting ${deployWorkflow}`)
  await github.ask('starting the pipeline', octokit =>
    octokit.request('POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches', {
      ...at,
      workflow_id: deployWorkflow,
      ref: delivery.branch,
    }),
  )
  return await awaitRun(opened, head.commit, last?.id, context.signal)
}

/** Takes mlp's own files out of the branch; what the operator wrote, and what somebody changed, stays. */
async function undoPipeline(context: Context, progress: Progress): Promise<Undone> {
  const nothing = { removed: [], kept: [], left: [] }
  if (context.outputs(repositoryStepId) === undefined) return nothing
  const opened = await open(context)
  const { branch, owner, name } = opened.delivery
  const remote = await openBranch(context, opened)
  const head = await remote.head(branch)
  if (head === undefined) return nothing
  const removed: Leftover[] = []
  const kept: Leftover[] = []
  for (const [path, content] of await pipelineFiles(context, opened.delivery)) {
    const id = head.files.get(path)
    if (id === undefined) continue
    const row = { cloud: 'all', type: 'file', id: `${owner}/${name}:${path}`, name: path }
    if (id === remote.idOf(content)) removed.push({ ...row, reason: 'made by mlp' })
    else kept.push({ ...row, reason: 'it was changed by somebody' })
  }
  if (removed.length > 0) {
    progress.report(`taking ${removed.length} files out of ${branch}`)
    const changes = new Map(removed.map(row => [row.name, undefined]))
    await remote.commit(branch, head, changes, 'mlp: the pipeline is taken back')
  }
  return { removed, kept, left: [] }
}
