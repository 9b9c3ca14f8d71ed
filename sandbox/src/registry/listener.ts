import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Duplex } from 'node:stream'
import { acceptTunnel, certificateByName } from '../http/certified-hosts.ts'
import type { KeyPair } from '../kubernetes/pki.ts'
import type { World } from '../world.ts'
import { acrRegistry } from './acr.ts'
import { artifactRegistry } from './artifact-registry.ts'
import { type Registry, registryError } from './cloud-registry.ts'
import { ecrRegistry } from './ecr.ts'
import { answerRegistry } from './front.ts'
import type { ImageStore } from './image-store.ts'

const registries = [ecrRegistry, artifactRegistry, acrRegistry]

/** The registry of any cloud that a host name belongs to; undefined when there is none. */
export function findRegistry(host: string, world: World): Registry | undefined {
  return registries.map(cloud => cloud.find(host, world)).find(found => found !== undefined)
}

export interface RegistryListener {
  readonly server: Server
  /** Speaks TLS on a connection as the registry of that name; false when there is no such registry. */
  accept(host: string, client: Duplex): boolean
  /** Answers a request that came over another listener; false when its host is no registry that exists. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<boolean>
}

/** All clouds' registries, without a port: connections come through the proxy that knows their names. */
export function openRegistryListener(world: World, authority: KeyPair, images: ImageStore): RegistryListener {
  const server = createServer(
    {
      minVersion: 'TLSv1.2',
      SNICallback: certificateByName(
        authority,
        host => findRegistry(host, world) !== undefined,
        host => new Error(`no registry ${host}`),
      ),
    },
    (request, response) => {
      answer(request, response, world, images).catch((error: unknown) => {
        world.log(
          `registry: ${request.method} ${request.url?.split('?')[0]}: ${error instanceof Error ? error.message : String(error)}`,
        )
        if (response.headersSent) return response.destroy()
        const { status, body } = registryError(500, 'UNKNOWN', 'the registry had an internal error')
        return response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      })
    },
  )
  // A large layer takes as long as it takes.
  server.requestTimeout = 0
  return {
    server,
    async handle(request, response) {
      if (findRegistry((request.headers.host ?? '').replace(/:443$/, ''), world) === undefined) return false
      await answer(request, response, world, images)
      return true
    },
    accept(host, client) {
      if (findRegistry(host, world) === undefined) return false
      acceptTunnel(server, client)
      return true
    },
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  world: World,
  images: ImageStore,
): Promise<void> {
  const host = (request.headers.host ?? '').replace(/:443$/, '')
  const registry = findRegistry(host, world)
  if (registry === undefined) return void response.writeHead(421).end()
  return answerRegistry(request, response, registry, world, images)
}
