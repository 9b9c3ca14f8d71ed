import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Behaviour, DataSourceBehaviour } from './behaviour.ts'
import type { ProviderName } from './store/resource-store.ts'
import type { World } from './world.ts'

/** One cloud: its terraform provider, its REST APIs, its tokens. Exported by sandbox/src/clouds/<cloud>/index.ts. */
export interface SimulatedCloud {
  readonly name: 'aws' | 'gcp' | 'azure'
  readonly provider: ProviderName
  readonly providerVersion: string
  readonly behaviours: readonly Behaviour[]
  readonly dataSources: readonly DataSourceBehaviour[]
  /** The cloud's whole HTTPS API on one listener; authenticates, routes, answers in the cloud's own error format. */
  handle(request: IncomingMessage, response: ServerResponse, world: World): Promise<void>
  /** Who a cluster token belongs to, as kube-apiserver's TokenReview wants it; undefined when it is not valid now. */
  reviewToken(
    token: string,
    clusterName: string,
    world: World,
  ): Promise<{ readonly username: string; readonly groups: readonly string[] } | undefined>
  /** What `eval "$(mlp sandbox env)"` exports for this cloud's official CLIs; undefined unsets. May write files below world.home. */
  commandLineEnvironment(world: World): Readonly<Record<string, string | undefined>>
  /** What src/ gets as its CloudTarget. */
  target(world: World): {
    readonly account: string
    readonly environment: Readonly<Record<string, string>>
    readonly endpoints: Readonly<Record<string, string>>
    readonly backend: Readonly<Record<string, string | boolean>>
  }
}
