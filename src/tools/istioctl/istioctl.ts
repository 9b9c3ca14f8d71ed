import { setTimeout as delay } from 'node:timers/promises'
import { MlpError } from '../../engine/errors.ts'
import { type CommandResult, type ExecContext, runCommand } from '../exec.ts'
import {
  type AnalysisMessage,
  type ProxyStatus,
  parseAnalysis,
  parseProxyStatus,
  parseRemoteClusters,
  type RemoteCluster,
} from './answers.ts'

export interface IstioctlOptions {
  /** Absolute path of the istioctl binary. */
  readonly binary: string
  /** mlp's own kubeconfig, and the context of the cluster. */
  readonly kubeconfig: string
  readonly context: string
  readonly step?: string
  readonly cloud?: string
}

/** One cluster's Istio. Throws MLP2210 with what istioctl said, MLP2211 when its answer has another form. */
export interface Istioctl {
  /** Installs, or changes, what the overlay (a file) describes, and waits until it is ready. */
  install(overlay: string): Promise<void>
  /** New pods of namespaces that name no revision get their sidecar from this one. */
  setDefaultRevision(revision: string): Promise<void>
  /** What a revision's istiod consists of; not gateways, CNI and CRDs, which are all revisions'. */
  uninstallRevision(revision: string): Promise<void>
  /** Of this cluster's rules; those of the others, by their contexts, where they are looked up. */
  analyze(revision: string, others: readonly string[]): Promise<readonly AnalysisMessage[]>
  remoteClusters(revision: string): Promise<readonly RemoteCluster[]>
  proxyStatus(revision: string): Promise<readonly ProxyStatus[]>
}

const installTimeoutMs = 600_000
const questionTimeoutMs = 90_000
/** An API server that is busy: istioctl gives each of its requests 15 s, and all is lost with one of them. */
const passing =
  /context deadline exceeded|Client\.Timeout exceeded|TLS handshake timeout|connection re(?:fused|set)|unexpected EOF|too many requests|etcdserver: (?:request timed out|leader changed)/i
const attempts = 3
const pauseMs = 3_000
/** istioctl's own: the analysis was made, and found something. */
const foundIssues = 79

export function openIstioctl(context: ExecContext, options: IstioctlOptions): Istioctl {
  const { binary, kubeconfig, step, cloud } = options
  const cluster = ['--kubeconfig', kubeconfig, '--context', options.context]

  async function run(
    args: readonly string[],
    timeoutMs: number,
    acceptExitCodes: readonly number[] = [0],
  ): Promise<CommandResult> {
    try {
      return await runCommand(context, {
        file: binary,
        args: [...args, ...cluster],
        env: { NO_COLOR: '1' },
        timeoutMs,
        acceptExitCodes,
        ...(step === undefined ? {} : { step }),
        ...(cloud === undefined ? {} : { cloud }),
      })
    } catch (error) {
      throw refused(error, args, options.context)
    }
  }

  /** Asks; what comes in another form than this version's is no answer. */
  async function ask<T>(
    args: readonly string[],
    parse: (stdout: string) => T | undefined,
    acceptExitCodes?: readonly number[],
  ): Promise<T> {
    const { stdout } = await run(args, questionTimeoutMs, acceptExitCodes)
    const parsed = parse(stdout)
    if (parsed !== undefined) return parsed
    throw new MlpError({
      code: 'MLP2211',
      summary: `\`istioctl ${args[0]}\` answered in a form that mlp does not know`,
      detail: stdout.slice(0, 500),
      remedy: ['Take the istioctl that mlp brings (none of another version on PATH): mlp doctor'],
    })
  }

  /** What is safe to repeat is repeated where the API server was only slow to answer. */
  async function change(args: readonly string[], timeoutMs: number): Promise<void> {
    for (let count = 1; ; count++) {
      try {
        await run(args, timeoutMs)
        return
      } catch (error) {
        const isPassing =
          error instanceof MlpError && error.code === 'MLP2210' && passing.test(error.detail ?? '')
        if (!isPassing || count === attempts) throw error
        await delay(pauseMs, undefined, { signal: context.signal })
      }
    }
  }

  return {
    async install(overlay) {
      const readiness = '240s'
      await change(
        ['install', '--filename', overlay, '--skip-confirmation', '--readiness-timeout', readiness],
        installTimeoutMs,
      )
    },
    async setDefaultRevision(revision) {
      await change(
        ['tag', 'set', 'default', '--revision', revision, '--overwrite', '--skip-confirmation'],
        questionTimeoutMs,
      )
    },
    async uninstallRevision(revision) {
      await change(['uninstall', '--revision', revision, '--skip-confirmation'], installTimeoutMs)
    },
    analyze: (revision, others) =>
      ask(
        [
          'analyze',
          '--all-namespaces',
          ...['--revision', revision],
          ...['--output', 'json', '--color=false'],
          // By the operator's own rights: the accounts in the remote Secrets may not read what it looks at.
          ...others.flatMap(other => ['--remote-contexts', other]),
        ],
        parseAnalysis,
        [0, foundIssues],
      ),
    remoteClusters: revision => ask(['remote-clusters', '--revision', revision], parseRemoteClusters),
    proxyStatus: revision =>
      ask(['proxy-status', '--revision', revision, '--output', 'json'], parseProxyStatus),
  }
}

function refused(error: unknown, args: readonly string[], context: string): unknown {
  if (!(error instanceof MlpError) || (error.code !== 'MLP2002' && error.code !== 'MLP2003')) return error
  return new MlpError({
    code: 'MLP2210',
    summary: `\`istioctl ${args[0]}\` failed on ${context}`,
    detail: error.detail ?? error.message,
    remedy: [
      'Put right what its last lines name: a pod that does not come up, an image that cannot be pulled, a webhook that does not answer.',
      'Then run the same command again: an installation that was cut short is completed.',
    ],
    command: error.command,
    cause: error,
  })
}
