import type { FastifyRequest } from 'fastify'
import type { Client } from '../authentication/client.ts'
import type { Configuration, ModelConfiguration } from '../configuration.ts'
import { openUpstream, type Upstream } from '../upstream/upstream.ts'
import { chooseVersion } from './choose-version.ts'

/** Where requests go, according to one state of the configuration. A request keeps the table it began with. */
export interface RoutingTable {
  readonly configuration: Configuration
  readonly upstreams: ReadonlyMap<string, Upstream>
  readonly defaultUpstream: Upstream
  findModel(name: string): ModelRoute
}

interface ModelRoute {
  readonly configuration: ModelConfiguration | undefined
  /** @param version undefined for the one that the upstream chooses */
  upstreamOf(version: string | undefined): Upstream
  /** @param version as the client names it; otherwise one may be chosen */
  target(version: string | undefined, client: Client, request: FastifyRequest): Target
}

export interface Target {
  readonly upstream: Upstream
  readonly version: string | undefined
}

/**
 * Upstreams whose configuration is as before keep their connections and what is known of them; the others are closed
 * once their requests are done.
 */
export function createRoutingTable(configuration: Configuration, previous?: RoutingTable): RoutingTable {
  const upstreams = new Map<string, Upstream>()
  for (const [name, upstream] of Object.entries(configuration.upstreams)) {
    const known = previous?.upstreams.get(name)
    const unchanged = JSON.stringify(known?.configuration) === JSON.stringify(upstream)
    upstreams.set(name, known !== undefined && unchanged ? known : openUpstream(name, upstream))
  }
  for (const [name, upstream] of previous?.upstreams ?? []) {
    if (upstreams.get(name) === upstream) continue
    // Not at once: requests that began with the table before may still try again.
    setTimeout(() => void upstream.pool.close(), upstream.configuration.responseTimeoutMs).unref()
  }
  const find = (name: string | undefined): Upstream => {
    const upstream = upstreams.get(name ?? configuration.defaultUpstream)
    if (upstream === undefined) throw new Error(`the configuration names no upstream ${name}`)
    return upstream
  }
  const defaultUpstream = find(undefined)
  const unlisted: ModelRoute = {
    configuration: undefined,
    upstreamOf: () => defaultUpstream,
    target: version => ({ upstream: defaultUpstream, version }),
  }
  const models = new Map(
    Object.entries(configuration.models).map(([name, model]) => [name, createModelRoute(name, model, find)]),
  )
  return { configuration, upstreams, defaultUpstream, findModel: name => models.get(name) ?? unlisted }
}

function createModelRoute(
  name: string,
  configuration: ModelConfiguration,
  find: (upstream: string | undefined) => Upstream,
): ModelRoute {
  const { versions, stickyBy } = configuration
  const upstreamOf = (version: string | undefined): Upstream => {
    const share = versions?.find(candidate => candidate.version === version)
    return find(share?.upstream ?? configuration.upstream)
  }
  const stickyKey = (client: Client, request: FastifyRequest): string => {
    if (stickyBy === 'client') return client.id
    const value = request.headers[stickyBy.header]
    // Who does not say whom a request is for gets any version.
    return value === undefined ? request.id : String(value)
  }
  return {
    configuration,
    upstreamOf,
    target(version, client, request) {
      const chosen =
        version === undefined && versions !== undefined
          ? chooseVersion(versions, name, stickyKey(client, request)).version
          : version
      return { upstream: upstreamOf(chosen), version: chosen }
    },
  }
}
