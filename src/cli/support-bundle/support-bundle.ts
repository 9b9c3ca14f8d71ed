import { readdir, readFile } from 'node:fs/promises'
import { arch, platform, release } from 'node:os'
import { join } from 'node:path'
import { systemErrorCode } from '../../engine/atomic-file.ts'
import type { CheckRow } from '../../engine/check.ts'
import type { Context } from '../../phases/phase.ts'
import type { Io } from '../io.ts'
import { sandboxHome } from '../target.ts'
import { checkJson } from '../views/check-report.ts'
import { writeArchive } from './archive.ts'
import { type ClusterFacts, factsOfCluster } from './cluster-facts.ts'
import { createBundleMask, endOf, secretsOfEnvironment } from './masks.ts'

const keptRuns = 3
/** Of each file, its end. */
const fileLimit = 4 * 1024 * 1024
export const bundleName = 'support-bundle.tar.gz'

/**
 * Writes one archive (0600) beside the log of this run with what somebody needs who helps from elsewhere: checks, the
 * state, the last runs' logs, versions, what the clusters say. Secrets are masked: the values that this machine's
 * environment and the clusters' Secrets hold, and what looks like one. kubeconfigs, tokens and terraform's files are
 * not in it. Returns the file's path. Throws node's own errors where the disk takes nothing.
 */
export async function writeSupportBundle(
  context: Context,
  rows: readonly CheckRow[],
  io: Pick<Io, 'env' | 'packageRoot'>,
): Promise<string> {
  const runFolder = context.runFolder ?? join(context.home, 'runs')
  const clusters = await Promise.all(
    [...context.clouds.keys()].map(async cloud => [cloud, await factsOfCluster(context, cloud)] as const),
  )
  const environments = [io.env, ...Object.values(context.target.clouds).map(({ environment }) => environment)]
  const configuration = `${JSON.stringify(context.config, null, 2)}\n`
  const secrets = [
    ...environments.flatMap(secretsOfEnvironment),
    ...clusters.flatMap(([, facts]) => facts.secrets),
  ]
  // What the configuration says is no secret: a Secret may hold an account's number beside its key.
  const mask = createBundleMask(secrets.filter(secret => !configuration.includes(secret)))
  const files = new Map([
    ['README.txt', readme(clusters)],
    ['checks.json', `${JSON.stringify(checkJson(rows), null, 2)}\n`],
    ['versions.json', `${JSON.stringify(versions(context), null, 2)}\n`],
    ['config.json', configuration],
    ...(await filesAt([
      ['toolchain.json', join(io.packageRoot, 'toolchain', 'versions.json')],
      ['mlp.yaml', context.configFile ?? join(context.platformFolder, 'mlp.yaml')],
      ['mlp.lock', join(context.platformFolder, 'mlp.lock')],
      ['state.json', join(context.home, 'state.json')],
      ...(await runFiles(context.home)),
      ...(await sandboxLogs(context, io.env)),
    ])),
    ...clusters.flatMap(([cloud, facts]) =>
      [...facts.files].map(([name, text]) => [`clusters/${cloud}/${name}`, text] as const),
    ),
  ])
  const file = join(runFolder, bundleName)
  await writeArchive(
    file,
    [...files].map(([name, text]) => [name, mask(endOf(text, fileLimit))] as const),
  )
  return file
}

type Source = readonly [name: string, file: string]

async function runFiles(home: string): Promise<readonly Source[]> {
  const runs = (await namesIn(join(home, 'runs'))).filter(name => /^\d{8}T\d{6}Z-/.test(name)).toSorted()
  return runs
    .slice(-keptRuns)
    .flatMap(run =>
      ['log.txt', 'events.ndjson', 'tests.json'].map(
        name => [`runs/${run}/${name}`, join(home, 'runs', run, name)] as const,
      ),
    )
}

async function sandboxLogs(context: Context, environment: Io['env']): Promise<readonly Source[]> {
  if (context.target.name !== 'sandbox') return []
  const folder = join(sandboxHome(context.platformFolder, environment), 'log')
  const logs = (await namesIn(folder)).filter(name => name.endsWith('.log'))
  return logs.map(name => [`sandbox/${name}`, join(folder, name)] as const)
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch(() => [])
}

/** What is not there is no part of it; what cannot be read says why. */
async function filesAt(sources: readonly Source[]): Promise<readonly Source[]> {
  const texts = await Promise.all(
    sources.map(async ([name, file]): Promise<readonly Source[]> => {
      try {
        return [[name, await readFile(file, 'utf8')]]
      } catch (error) {
        const code = systemErrorCode(error)
        return code === 'ENOENT' ? [] : [[name, `it cannot be read: ${code ?? String(error)}\n`]]
      }
    }),
  )
  return texts.flat()
}

function versions({ mlpVersion, target }: Context) {
  return {
    mlp: mlpVersion,
    node: process.version,
    system: `${platform()} ${release()} ${arch()}`,
    target: target.name,
  }
}

function readme(clusters: readonly (readonly [string, ClusterFacts])[]): string {
  const told = clusters.map(
    ([cloud, { files }]) =>
      `  ${cloud}: ${files.has('problem.txt') ? 'not told, see its problem.txt' : 'told, with the values of its Secrets masked'}`,
  )
  return `What mlp saw when a check failed. Read it before you give it away: names, addresses and account numbers are in
it. Secrets are masked as ***: values of this machine's environment whose names say so, values of the clusters'
Secrets, and what looks like a secret. kubeconfigs, tokens and terraform's own files were left out.

  checks.json         every check with what it found
  state.json          what mlp recorded of its steps
  runs/               the last ${keptRuns} runs' logs
  clusters/<cloud>/   version, events, pods, nodes, last lines of pods that are not ready
  config.json, mlp.yaml, mlp.lock, versions.json, toolchain.json, sandbox/

Clusters:
${told.join('\n')}
`
}
