import { randomInt } from 'node:crypto'
import { createServer, type Server } from 'node:net'

/** Below the ephemeral ranges of Linux (32768) and macOS (49152), so that no outgoing connection takes a stopped cluster's port. */
export const clusterPorts = { lowest: 20_000, highest: 32_000 } as const
const attemptsPerPort = 200

/**
 * Finds `count` free loopback ports, none of them in `taken`. They are all held until the last one is found, so no
 * port is given twice.
 */
export async function findFreePorts(count: number, taken: ReadonlySet<number>): Promise<readonly number[]> {
  const held: { readonly port: number; readonly server: Server }[] = []
  try {
    for (let attempt = 0; held.length < count; attempt++) {
      if (attempt > count * attemptsPerPort)
        throw new Error(`no free port between ${clusterPorts.lowest} and ${clusterPorts.highest}`)
      const port = randomInt(clusterPorts.lowest, clusterPorts.highest)
      if (taken.has(port)) continue
      const server = await listen(port)
      if (server !== undefined) held.push({ port, server })
    }
    return held.map(({ port }) => port)
  } finally {
    await Promise.all(held.map(({ server }) => new Promise<void>(done => server.close(() => done()))))
  }
}

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', error => {
      if ('code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES')) resolve(undefined)
      else reject(error)
    })
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server))
  })
}
