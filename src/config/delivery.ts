import type { Config } from './schema.ts'

/** What the pipeline is, with defaults filled in. */
export interface Delivery {
  readonly owner: string
  readonly name: string
  readonly branch: string
  readonly credentials: 'workload-identity' | 'keys'
  /** Login names on GitHub. */
  readonly approvals: readonly string[]
  /** Repository that the pipeline gets mlp from; undefined: its runner has it. */
  readonly mlp: string | undefined
  /** What the jobs that change something run in, and what those run in that only ask. */
  readonly environments: { readonly deploy: string; readonly read: string }
}

/** Undefined where nobody said which repository: a real one is never guessed. The sandbox has one of its own. */
export function deliveryOf(config: Config): Delivery | undefined {
  const { delivery, project, target, environment } = config
  const repository = delivery?.repository ?? (target === 'sandbox' ? `${project}/${project}` : undefined)
  if (repository === undefined) return undefined
  const [owner = '', name = ''] = repository.split('/')
  return {
    owner,
    name,
    branch: delivery?.branch ?? 'main',
    credentials: delivery?.credentials ?? 'workload-identity',
    approvals: delivery?.approvals ?? [],
    mlp: delivery?.mlp,
    environments: { deploy: environment, read: `${environment}-read` },
  }
}
