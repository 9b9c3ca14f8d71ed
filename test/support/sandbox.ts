import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import * as z from 'zod'
import type { Fault } from '../../sandbox/src/faults.ts'
import type { Playground } from './mlp.ts'

const daemonFile = z.object({ pid: z.int(), socket: z.string() })
const statusSchema = z.object({
  processes: z.array(z.object({ name: z.string(), pid: z.int().nullable() })),
})

/** How long simulated creations take from now on: 0 nothing, 1 as long as in the clouds. */
export async function setTimeScale(playground: Playground, timeScale: number): Promise<void> {
  await ask(playground, 'PUT', '/time-scale', { timeScale })
}

/** What the simulated clouds are to do wrong from now on, in place of what they were told before. */
export async function setFaults(playground: Playground, faults: readonly Fault[]): Promise<void> {
  await ask(playground, 'PUT', '/faults', { faults })
}

/** The sandbox's own processes that run now by their names, the daemon among them; none while no daemon answers. */
export async function sandboxProcesses(playground: Playground): Promise<ReadonlyMap<string, number>> {
  try {
    const { pid } = await readDaemonFile(playground)
    const { processes } = statusSchema.parse(await ask(playground, 'GET', '/status'))
    const running = processes.flatMap(one => (one.pid === null ? [] : [[one.name, one.pid] as const]))
    return new Map([['daemon', pid], ...running])
  } catch (error) {
    const gone = ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE']
    if (error instanceof Error && 'code' in error && gone.includes(String(error.code))) return new Map()
    throw error
  }
}

/** Where the simulated clouds and the sandbox's GitHub are, with what signs in there. */
export async function sandboxTarget(playground: Playground): Promise<unknown> {
  return await ask(playground, 'GET', '/target')
}

async function ask(
  playground: Playground,
  method: 'GET' | 'PUT',
  path: string,
  body?: object,
): Promise<unknown> {
  const { socket } = await readDaemonFile(playground)
  return await new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: socket, method, path }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.once('error', reject)
      response.once('end', () =>
        response.statusCode === 200
          ? resolve(JSON.parse(text))
          : reject(new Error(`the sandbox answered ${response.statusCode} to ${method} ${path}: ${text}`)),
      )
    })
    outgoing.once('error', reject)
    outgoing.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

async function readDaemonFile(playground: Playground) {
  return daemonFile.parse(JSON.parse(await readFile(join(playground.sandboxHome, 'daemon.json'), 'utf8')))
}
