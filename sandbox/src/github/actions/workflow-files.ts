import { gitFolder, readFile, resolveCommit, tryGit } from '../git/git.ts'
import { now } from '../hub.ts'
import type { Repository, WorkflowRecord } from '../records.ts'
import type { ActionsOptions } from './job-request.ts'
import { type ReadWorkflow, readWorkflow } from './workflow.ts'

export interface WorkflowFiles {
  /** The workflow in that file of a commit; undefined when there is no such file. */
  at(repository: Repository, sha: string, path: string): Promise<ReadWorkflow | undefined>
  /** The files of workflows that a commit has. */
  pathsAt(repository: Repository, sha: string): Promise<readonly string[]>
  /** What is kept of a workflow, brought up to what its file says. */
  recordOf(repository: Repository, path: string, read: ReadWorkflow): WorkflowRecord
  /** Brings all known workflows up to what the default branch holds. */
  refresh(repository: Repository): Promise<void>
}

/** Workflows as repositories hold them. What one commit has never changes, and is read once. */
export function openWorkflowFiles(options: ActionsOptions): WorkflowFiles {
  const { records } = options
  const files = new Map<string, ReadWorkflow>()

  async function at(repository: Repository, sha: string, path: string): Promise<ReadWorkflow | undefined> {
    const key = `${repository.id} ${sha} ${path}`
    const known = files.get(key)
    if (known !== undefined) return known
    const content = await readFile(gitFolder(options, repository), sha, path)
    if (content === undefined) return undefined
    const read = readWorkflow(path, content.toString('utf8'))
    files.set(key, read)
    return read
  }

  async function pathsAt(repository: Repository, sha: string): Promise<readonly string[]> {
    const listed = await tryGit(gitFolder(options, repository), [
      'ls-tree',
      '-z',
      '--name-only',
      sha,
      '.github/workflows/',
    ])
    return (listed ?? '').split('\0').filter(path => /\.ya?ml$/.test(path))
  }

  function recordOf(repository: Repository, path: string, read: ReadWorkflow): WorkflowRecord {
    const known = records.workflows.list(`${repository.id}/`).find(one => one.path === path)
    const name = read.valid ? (read.workflow.name ?? path) : path
    const state = known === undefined || known.state === 'deleted' ? 'active' : known.state
    if (known !== undefined && known.name === name && known.state === state) return known
    const id = known?.id ?? records.nextId()
    const time = now()
    return records.workflows.put(`${repository.id}/${id}`, {
      id,
      path,
      name,
      state,
      createdAt: known?.createdAt ?? time,
      updatedAt: time,
    })
  }

  async function refresh(repository: Repository): Promise<void> {
    const sha = await resolveCommit(gitFolder(options, repository), repository.defaultBranch)
    if (sha === undefined) return
    const paths = await pathsAt(repository, sha)
    for (const path of paths) {
      const read = await at(repository, sha, path)
      if (read !== undefined) recordOf(repository, path, read)
    }
    for (const known of records.workflows.list(`${repository.id}/`))
      if (!paths.includes(known.path) && known.state !== 'deleted')
        records.workflows.put(`${repository.id}/${known.id}`, {
          ...known,
          state: 'deleted',
          updatedAt: now(),
        })
  }

  return { at, pathsAt, recordOf, refresh }
}
