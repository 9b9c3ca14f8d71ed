import type { Attributes } from './store/resource-store.ts'
import type { World } from './world.ts'

/** What the cloud refuses, by the codes of its errors; sandbox/test/fidelity sees every one of them. */
export interface Refusals {
  /** Making it where its name or place is taken. Empty: there may be two, or making it again changes the one. */
  readonly create: readonly string[]
  /** Deleting it while it is used, filled or protected. Empty: nothing keeps it. */
  readonly delete: readonly string[]
}

/**
 * How one terraform resource type behaves. Schemas, force-replacement paths and provider defaults come from the
 * official data in sandbox/schemas; a behaviour adds what only the cloud knows. A type without one is refused by the
 * simulated provider.
 */
export interface Behaviour {
  readonly type: string
  /** Where the facts below come from: the provider's documentation page or the service's API reference. */
  readonly source: string
  /** The cloud's real durations, scaled by MLP_SANDBOX_TIME_SCALE. */
  readonly seconds: { readonly create: number; readonly update: number; readonly delete: number }
  readonly refuses: Refusals
  /** Paths that force replacement beside those of sandbox/schemas, which lack what could not be planned alone. */
  readonly replacedBy?: readonly string[]
  /** Plan-time mistakes the provider itself reports (name rules, conflicts); attribute paths as 'a.0.b'. */
  validate?(configured: Attributes): readonly { readonly path?: string; readonly message: string }[]
  /** Attributes that change when another does, so that a plan shows them as unknown (`(known after apply)`). */
  recomputedOn?: Readonly<Record<string, readonly string[]>>
  /**
   * Blocks (dotted paths) that the cloud fills in when the configuration has none: optional and computed in the
   * provider, which the schema does not say of blocks. Unknown in the plan of a create, kept afterwards. A block that
   * `create` returns without having been asked for is kept as well; name it here when something refers to it
   * (`google_container_cluster.x.master_auth[0]`).
   */
  computedBlocks?: readonly string[]
  /**
   * Computed attributes that the provider already knows when it plans (`tags_all`), as overrides. In `planned`,
   * attributes and blocks that are not wholly known are missing; what is not set is null.
   */
  plan?(planned: Attributes, prior: Attributes | undefined, provider: Attributes): Attributes
  /**
   * Makes the resource in the world and returns all its attributes, computed ones included, `id` among them; what it
   * leaves out is as planned. `planned` holds configured and defaulted attributes, write-only ones included, null
   * where nothing is set (lists and sets of blocks: empty); unknown ones are missing. Throws CloudError as the cloud
   * would (name taken, reference missing, quota). The store is written by the caller from what is returned; names
   * that start with '_' are kept there for the sandbox's own use and are never shown to terraform.
   */
  create(planned: Attributes, scope: BehaviourScope): Promise<Attributes>
  /** Default: the planned attributes over the prior ones. */
  update?(prior: Attributes, planned: Attributes, scope: BehaviourScope): Promise<Attributes>
  /** Throws CloudError when something blocks it: a non-empty bucket, deletion protection, a dependent. */
  remove?(prior: Attributes, scope: BehaviourScope): Promise<void>
  /** True for what stays in the world when terraform lets go of it: an ABANDON policy, a Google KMS key ring. */
  outlives?(prior: Attributes): boolean
  /** Default: what is stored; undefined when it is gone. */
  read?(stored: Attributes, scope: BehaviourScope): Promise<Attributes | undefined>
  /** Maps terraform's import id to the stored `id`; undefined when there is no such thing. Default: the import id is the id. */
  importId?(importId: string, scope: BehaviourScope): string | undefined
}

export interface DataSourceBehaviour {
  readonly type: string
  readonly source: string
  read(configured: Attributes, scope: BehaviourScope): Promise<Attributes>
}

export interface BehaviourScope {
  readonly world: World
  /** The provider block's configuration (region, project, default_tags, features …). */
  readonly provider: Attributes
  report(message: string): void
}

/** An error as the cloud itself words it; becomes a terraform diagnostic or a REST error. */
export class CloudError extends Error {
  readonly code: string
  readonly httpStatus: number
  constructor(code: string, message: string, httpStatus = 400) {
    super(message)
    this.name = 'CloudError'
    this.code = code
    this.httpStatus = httpStatus
  }
}
