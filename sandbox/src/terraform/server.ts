import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js'
import { type AnyDefinition, loadSync } from '@grpc/proto-loader'
import { createProviderSession, type ProviderOptions } from './provider.ts'

export interface ProviderServer extends AsyncDisposable {
  /** This provider's entry of TF_REATTACH_PROVIDERS: source address and how to reach it. */
  readonly reattach: Readonly<Record<string, ReattachConfig>>
  /** How many terraform processes talk to it now. */
  connections(): number
}

interface ReattachConfig {
  readonly Protocol: 'grpc'
  readonly ProtocolVersion: 6
  readonly Pid: number
  readonly Test: true
  readonly Addr: { readonly Network: 'unix'; readonly String: string }
}

// As the official providers' own limit; a plan of a large root is a few megabytes.
const limits = { 'grpc.max_receive_message_length': 256 << 20, 'grpc.max_send_message_length': 256 << 20 }

/**
 * Serves terraform's plugin protocol 6 on a unix socket (at most 100 bytes of path). Every connection is a provider
 * instance with its own configuration and its own StopProvider, as when terraform starts the provider itself.
 */
export async function startProviderServer(
  options: ProviderOptions,
  socketPath: string,
): Promise<ProviderServer> {
  const service = providerService()
  const connections = new Set<{ close(): void }>()
  const listener = createServer(socket => {
    const connection = serveConnection(socket, service, options)
    connections.add(connection)
    socket.once('close', () => {
      connection.close()
      connections.delete(connection)
    })
    socket.on('error', error => {
      // terraform leaves by closing its end while the last frame is on its way.
      if (!('code' in error && error.code === 'ECONNRESET'))
        options.world.log(`${options.cloud.name}: terraform connection: ${error.message}`)
    })
  })
  listener.listen(socketPath)
  await once(listener, 'listening')
  const reattach: ReattachConfig = {
    Protocol: 'grpc',
    ProtocolVersion: 6,
    Pid: process.pid,
    Test: true,
    Addr: { Network: 'unix', String: socketPath },
  }
  return {
    reattach: { [`registry.terraform.io/hashicorp/${options.cloud.provider}`]: reattach },
    connections: () => connections.size,
    async [Symbol.asyncDispose]() {
      listener.close()
      for (const connection of connections) connection.close()
    },
  }
}

function serveConnection(
  socket: Socket,
  service: ServiceDefinition,
  options: ProviderOptions,
): { close(): void } {
  const session = createProviderSession(options)
  const server = new Server(limits)
  server.addService(service, session.implementation)
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  injector.injectConnection(socket)
  return {
    close() {
      session.stop()
      injector.destroy()
      server.forceShutdown()
    },
  }
}

function providerService(): ServiceDefinition {
  const definition = loadSync(fileURLToPath(new URL('tfplugin6.proto', import.meta.url)), {
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
  })['tfplugin6.Provider']
  if (definition === undefined || !isService(definition))
    throw new Error('tfplugin6.proto has no service Provider')
  return definition
}

function isService(definition: AnyDefinition): definition is Extract<AnyDefinition, ServiceDefinition> {
  return !('format' in definition)
}
