import { mkdir, readdir } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { runStep } from '../process.ts'
import type { ActionCall } from './action.ts'
import { isYes } from './action.ts'

/** https://github.com/actions/checkout: fetches one commit with the job's token, and leaves the token for later pushes. */
export async function checkout(call: ActionCall): Promise<void> {
  const { inputs, runtime, environment, signal } = call
  const { run, repository, options } = runtime.request
  const own = `${repository.owner}/${repository.name}`
  const wanted = inputs['repository'] || own
  const folder = resolve(runtime.workspace, inputs['path'] || '.')
  if (folder !== runtime.workspace && !folder.startsWith(`${runtime.workspace}${sep}`))
    throw new Error(`Repository path '${folder}' is not under '${runtime.workspace}'`)
  const token = inputs['token'] || tokenOf(call)
  runtime.log.mask(token)
  const basic = Buffer.from(`x-access-token:${token}`).toString('base64')
  runtime.log.mask(basic)
  const header = `http.${options.bases.web}/.extraheader`
  const git = async (args: readonly string[], more: Readonly<Record<string, string>> = {}) => {
    runtime.log.write(`[command]git ${args.join(' ')}`)
    const code = await runStep({
      file: 'git',
      args: ['-c', 'advice.detachedHead=false', '-c', `safe.directory=${folder}`, ...args],
      cwd: folder,
      environment: { ...environment, GIT_CONFIG_GLOBAL: join(runtime.home, '.gitconfig'), ...more },
      signal,
      onLine: line => runtime.log.write(line),
    })
    if (code !== 0) throw new Error(`The process 'git' failed with exit code ${code}`)
  }
  await mkdir(folder, { recursive: true })
  if (!(await readdir(folder)).includes('.git')) await git(['init', '--quiet', '--initial-branch=main'])
  await git(['remote', 'add', 'origin', `${options.bases.web}/${wanted}`]).catch(() =>
    git(['remote', 'set-url', 'origin', `${options.bases.web}/${wanted}`]),
  )
  const signedIn = {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: header,
    GIT_CONFIG_VALUE_0: `AUTHORIZATION: basic ${basic}`,
  }
  const depth = Number(inputs['fetch-depth'] || '1')
  const shallow = depth > 0 ? [`--depth=${depth}`] : []
  const ref = inputs['ref'] || (wanted === own ? run.sha : 'HEAD')
  const branch =
    wanted === own && !inputs['ref'] && run.ref.startsWith('refs/heads/')
      ? run.ref.slice('refs/heads/'.length)
      : undefined
  const everything = depth === 0 ? ['+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*'] : []
  await git(['fetch', '--no-tags', '--prune', '--quiet', ...shallow, 'origin', ref, ...everything], signedIn)
  const named =
    branch ??
    (inputs['ref'] && !/^[0-9a-f]{40}$/.test(inputs['ref'])
      ? inputs['ref'].replace(/^refs\/heads\//, '')
      : undefined)
  if (named === undefined || named.startsWith('refs/'))
    await git(['checkout', '--quiet', '--force', 'FETCH_HEAD'])
  else {
    await git(['update-ref', `refs/remotes/origin/${named}`, 'FETCH_HEAD'])
    await git(['checkout', '--quiet', '--force', '-B', named, 'FETCH_HEAD'])
  }
  if (isYes(inputs['persist-credentials'], true)) {
    await git(['config', '--local', header, `AUTHORIZATION: basic ${basic}`])
    runtime.afterwards.push(async () =>
      git(['config', '--local', '--unset-all', header]).catch(() => undefined),
    )
  }
  call.setOutput('ref', inputs['ref'] ?? run.ref)
  call.setOutput('commit', run.sha)
}

function tokenOf({ runtime }: ActionCall): string {
  const { github } = runtime.scope().contexts
  return typeof github === 'object' && github !== null && 'token' in github ? String(github.token) : ''
}
