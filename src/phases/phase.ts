import type { Cloud, CloudName, QuotaNeed } from '../clouds/cloud.ts'
import type { Target } from '../clouds/target.ts'
import type { Config } from '../config/schema.ts'
import type { Check } from '../engine/check.ts'
import type { Gate } from '../engine/gates.ts'
import type { EngineContext, Step, StepId } from '../engine/step.ts'
import type { openKubeClient } from '../kube/client.ts'
import type { Toolchain, ToolName } from '../tools/toolchain/toolchain.ts'

export type PhaseNumber = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

/** Built once in the CLI, passed to every step and check. */
export interface Context extends EngineContext {
  readonly config: Config
  readonly platformId: string
  readonly target: Target
  readonly toolchain: Toolchain
  /** The clouds of the configuration that this run works on. */
  readonly clouds: ReadonlyMap<CloudName, Cloud>
  /** Steps and checks of one cluster share a client. */
  readonly openKubeClient: typeof openKubeClient
  /** `.mlp/<target>/<project>-<env>` as an absolute path: kubeconfig, terraform/<root>/. */
  readonly home: string
  /** Absolute folder of this run's log, for what is kept with it. */
  readonly runFolder?: string | undefined
  /** Absolute folder of mlp.yaml: overrides/ lies there. */
  readonly platformFolder: string
  /** Absolute path of the configuration, where one was named by --config. */
  readonly configFile?: string | undefined
  /** Absolute folder of mlp's own templates. */
  readonly templates: string
  /** Of the mlp that runs. */
  readonly mlpVersion: string
  /** Absolute path of the bin/mlp.js that runs, for kubeconfig's exec plugin. */
  readonly mlpPath: string
  /** Whether the clouds' own programs give kubectl its tokens; undefined leaves a context as it is, and a new one to mlp. */
  readonly nativePlugins?: boolean | undefined
  readonly consent: Consent
  /**
   * Lets another mlp have this run's lock while `work` is under way: one that calls itself `to`. Ends when the lock is
   * this run's again, with what the other recorded. Throws MLP5221 when somebody else took it.
   */
  lendLock<T>(to: string, work: () => Promise<T>): Promise<T>
}

/** What the operator agreed to, by flag or at a prompt. */
export interface Consent {
  readonly destroyData: boolean
  readonly finalSnapshot: boolean
  /** Break things on purpose, to see whether the platform stands it (phase 7). */
  readonly chaos?: boolean | undefined
  /** Goes back to what ran before: to the images that mlp.lock names, and to earlier pods where new ones are stuck. */
  readonly rollback?: boolean
  /** terraform addresses whose replacement was allowed. */
  readonly allowReplace: readonly string[]
  /** Asks once for a plan; returns false when refused. Without a TTY and without the flag: throws MLP5 with exit 5. */
  approve(question: ConsentQuestion): Promise<boolean>
  /** Asks for a secret that is not shown while it is typed. Without a TTY: throws MLP5001, naming `flag`. */
  secret(question: { readonly message: string; readonly flag: string }): Promise<string>
}

export interface ConsentQuestion {
  /** Stable name: 'apply-plan', 'replace-data'. */
  readonly id: string
  readonly message: string
  readonly details: readonly string[]
  /** Answered by --yes alone. */
  readonly safe: boolean
  /** Not answered by --yes, yet no loss: what is agreed to can be had again by another run. Yes or no, no name to type. */
  readonly undone?: boolean
  /** The flag that answers it in a script. */
  readonly flag: string
}

/** What can be known without asking anybody: enough to write down what would be applied. */
export type RenderContext = Pick<
  Context,
  'config' | 'platformId' | 'clouds' | 'templates' | 'platformFolder' | 'home' | 'signal' | 'outputs'
>

/** What one step would apply, as files for reading. */
export interface Rendering {
  readonly step: StepId
  /** How mlp applies them, in words or as a command that is run among the files. */
  readonly appliedBy: string
  /** By path below the rendered folder, with `/`. No secrets. */
  readonly files: ReadonlyMap<string, string>
  /** Values that nobody knows yet, in words, and what they stand as in the files. */
  readonly unknown?: string
}

export type PlatformStep = Step<Context> & {
  /** Other clouds that it brings together with its own: nothing to be done in a run without one of them. */
  readonly joins?: readonly CloudName[]
}
export type PlatformCheck = Check<Context>

export interface Phase {
  readonly number: PhaseNumber
  /** 'infrastructure' */
  readonly name: string
  readonly title: string
  /** What it takes on the real clouds, on a slow day: credentials have to hold that long. */
  readonly expectedMinutes: number
  /** What its steps will run: found, or built, while earlier phases are at work. */
  readonly tools?: readonly ToolName[]
  /** What it takes room for under a cloud's quotas; nothing when it is left out. */
  quotaNeeds?(config: Config, cloud: CloudName): readonly QuotaNeed[]
  /** Set where it makes what the clouds bill: its plan has a price, and a budget is asked about before it. */
  readonly isBilled?: true
  /** What else has to hold before anything is changed, where its steps are part of a run. */
  readonly gates?: readonly Gate<Context>[]
  /** Why it has no steps, where the configuration leaves it out. */
  leftOut?(config: Config): string | undefined
  steps(config: Config): readonly PlatformStep[]
  /** The files of every step that applies files. Asks no cloud, and changes nothing. */
  render(context: RenderContext): Promise<readonly Rendering[]>
  checks(config: Config, clouds: ReadonlyMap<CloudName, Cloud>): readonly PlatformCheck[]
  /** What is left to the operator when a run that made it has ended well: calm lines, mostly none. */
  closing?(context: Context): Promise<readonly string[]>
}
