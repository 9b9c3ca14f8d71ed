import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { MlpError } from '../engine/errors.ts'
import { parseJson } from '../engine/json.ts'
import { processStartedAt } from '../engine/process-identity.ts'
import { type CommandResult, type ExecContext, runCommand } from './exec.ts'

export interface HelmOptions {
  /** Absolute path of the helm binary. */
  readonly binary: string
  readonly kubeconfig: string
  readonly kubeContext: string
  readonly namespace: string
  /** Where a helm that outlives a killed mlp is found again. */
  readonly runRecord: string
  readonly step?: string
  readonly cloud?: string
}

interface Upgrade {
  readonly release: string
  /** Archive or folder on this machine. */
  readonly chart: string
  /** The text of a values file. It goes in by standard input; secrets belong into Secrets, not into values. */
  readonly values: string
  /** Kept on the release's own record in the cluster. */
  readonly labels: Readonly<Record<string, string>>
}

/** One namespace of one cluster. Throws MLP2301 with what helm said. */
export interface Helm {
  /** Installs, or upgrades; returns the revision. Hooks are waited for, the rest is not. */
  upgrade(upgrade: Upgrade): Promise<{ readonly revision: number; readonly status: string }>
  /** Nothing where there is no such release. Waits until what the release made is gone. */
  uninstall(release: string): Promise<void>
  /** The YAML documents of the chart's CRDs and its subcharts'. */
  showCrds(chart: string): Promise<string>
  /** What an installation would apply, without asking a cluster. */
  template(upgrade: Pick<Upgrade, 'release' | 'chart' | 'values'>): Promise<string>
}

const questionTimeoutMs = 120_000
const hooksTimeout = '10m'
const changeTimeoutMs = 900_000
/** How many revisions of a release the cluster remembers: each holds the whole chart. */
const historyKept = '3'
const recordSchema = z.object({ pid: z.int(), startedAt: z.string() })
const pollMs = 500
const kindAttempts = 4
const kindPauseMs = 3_000

const releaseSchema = z.looseObject({
  version: z.int(),
  info: z.looseObject({ status: z.string() }),
})

/**
 * Does `work` with helm. Its configuration, caches and plugins are of this run only: what the operator has set up for
 * helm would make two machines differ.
 */
export async function withHelm<T>(
  context: ExecContext,
  options: HelmOptions,
  work: (helm: Helm) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'mlp-helm-'))
  try {
    return await work(createHelm(context, options, folder))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * A helm whose mlp was killed goes on by itself. It is waited for, so that never two work at one release.
 * @returns whether there was one
 */
export async function waitForEarlierHelm(
  runRecord: string,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<boolean> {
  const known = recordSchema.safeParse(parseJson(await readFile(runRecord, 'utf8').catch(() => '')))
  if (!known.success) return false
  const { pid, startedAt } = known.data
  if (processStartedAt(pid) !== startedAt) return false
  report(`waiting for the helm of an earlier run (process ${pid})`)
  while (processStartedAt(pid) === startedAt) await delay(pollMs, undefined, { signal })
  return true
}

function createHelm(context: ExecContext, options: HelmOptions, folder: string): Helm {
  const { binary, kubeconfig, kubeContext, namespace, step, cloud } = options
  const cluster = ['--kubeconfig', kubeconfig, '--kube-context', kubeContext, '--namespace', namespace]

  async function run(
    args: readonly string[],
    more: { readonly input?: string; readonly timeoutMs: number; readonly changes?: true },
  ): Promise<CommandResult> {
    let recorded: Promise<void> | undefined
    try {
      return await runCommand(context, {
        file: binary,
        args,
        env: {
          // What the operator has set for helm does not count.
          HELM_CACHE_HOME: join(folder, 'cache'),
          HELM_CONFIG_HOME: join(folder, 'config'),
          HELM_DATA_HOME: join(folder, 'data'),
          HELM_DRIVER: undefined,
          HELM_NAMESPACE: undefined,
          HELM_KUBECONTEXT: undefined,
          HELM_DEBUG: undefined,
        },
        ...(more.input === undefined ? {} : { input: more.input }),
        ...(more.changes === true
          ? {
              onStart: pid => {
                recorded = record(options.runRecord, pid)
              },
            }
          : {}),
        // An answer is the whole chart as JSON, which nobody wants to read.
        toText: line => (line.startsWith('{') ? `${line.slice(0, 60)}…` : line),
        timeoutMs: more.timeoutMs,
        ...(step === undefined ? {} : { step }),
        ...(cloud === undefined ? {} : { cloud }),
      })
    } catch (error) {
      throw refusedBy(error, args)
    } finally {
      await recorded
    }
  }

  return {
    async upgrade({ release, chart, values, labels }) {
      const labelText = Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(',')
      const args = [
        ...['upgrade', '--install', release, chart, ...cluster],
        ...['--values', '-', '--skip-crds', '--reset-values', '--labels', labelText],
        // Pods are waited for by mlp itself, which can say why they do not come up.
        ...['--wait=hookOnly', '--timeout', hooksTimeout, '--history-max', historyKept, '--output', 'json'],
      ]
      const { stdout } = await onceKindsAreKnown(context.signal, () =>
        run(args, { input: values, timeoutMs: changeTimeoutMs, changes: true }),
      )
      const answer = releaseSchema.safeParse(parseJson(stdout.slice(stdout.indexOf('{'))))
      if (!answer.success) throw notUnderstood('upgrade', z.prettifyError(answer.error))
      return { revision: answer.data.version, status: answer.data.info.status }
    },
    async uninstall(release) {
      await run(
        ['uninstall', release, ...cluster, '--ignore-not-found', '--wait', '--timeout', hooksTimeout],
        { timeoutMs: changeTimeoutMs, changes: true },
      )
    },
    async showCrds(chart) {
      return (await run(['show', 'crds', chart], { timeoutMs: questionTimeoutMs })).stdout
    },
    async template({ release, chart, values }) {
      const args = ['template', release, chart, '--namespace', namespace, '--values', '-', '--skip-tests']
      return (await run(args, { input: values, timeoutMs: questionTimeoutMs })).stdout
    },
  }
}

/** An API server that has just taken a CRD may need a moment before it tells everybody of the new kind. */
async function onceKindsAreKnown<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (let count = 1; ; count++) {
    try {
      return await attempt()
    } catch (error) {
      const unknown = error instanceof MlpError && /no matches for kind/.test(error.detail ?? '')
      if (!unknown || count === kindAttempts) throw error
      await delay(kindPauseMs, undefined, { signal })
    }
  }
}

async function record(file: string, pid: number): Promise<void> {
  const startedAt = processStartedAt(pid)
  if (startedAt === undefined) return
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  await writeFile(file, JSON.stringify({ pid, startedAt }), { mode: 0o600 })
}

function refusedBy(error: unknown, args: readonly string[]): unknown {
  if (!(error instanceof MlpError) || (error.code !== 'MLP2002' && error.code !== 'MLP2003')) return error
  const said = error.detail ?? ''
  return new MlpError({
    code: 'MLP2301',
    summary: `helm ${args[0] ?? ''} failed`,
    detail: said,
    remedy: [...remediesFor(said), 'Run the same command again: it goes on from what is there.'],
    command: error.command,
    cause: error,
  })
}

/** Of what helm says most often, what a person can do. */
function remediesFor(said: string): readonly string[] {
  if (/another operation .* is in progress/i.test(said))
    return ['Another helm works at this release, or was killed; mlp clears what is left of it by itself.']
  if (/failed calling webhook/i.test(said))
    return [
      'A webhook of the cluster does not answer: the error names it. See to its pods, or remove its configuration where they are gone for good.',
    ]
  if (/invalid ownership metadata/i.test(said))
    return ['An object of that name belongs to somebody else: remove it, or use another cluster.']
  if (/timed out|deadline exceeded/i.test(said))
    return ['A hook did not end in time: `kubectl get jobs --all-namespaces` shows it, and its pods why.']
  return []
}

function notUnderstood(command: string, why: string): MlpError {
  return new MlpError({
    code: 'MLP2302',
    summary: `What helm ${command} answered was not understood`,
    detail: why,
    remedy: ['mlp doctor'],
  })
}
