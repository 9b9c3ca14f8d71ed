import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'

const statusSchema = z.object({
  pid: z.int(),
  clouds: z.array(z.object({ name: z.string(), endpoint: z.string(), resources: z.int() })),
  processes: z.array(
    z.object({
      name: z.string(),
      pid: z.int().nullable(),
      state: z.string(),
      port: z.int().nullable(),
      restarts: z.int(),
    }),
  ),
  starting: z.array(z.object({ name: z.string(), state: z.string() })),
})
export type Status = z.output<typeof statusSchema>

/** A daemon with the test cloud, as a process that a test may kill. */
export function spawnDaemon(home: string, environment: NodeJS.ProcessEnv = {}): ChildProcess {
  const entry = fileURLToPath(new URL('core-daemon-entry.ts', import.meta.url))
  return spawn(process.execPath, [entry, home], {
    env: { ...process.env, MLP_SANDBOX_TIME_SCALE: '0', ...environment },
    stdio: 'inherit',
  })
}

export async function kill9(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

export async function control(home: string, method: string, path: string, body?: object): Promise<unknown> {
  const { socket } = z
    .object({ socket: z.string() })
    .parse(JSON.parse(await readFile(join(home, 'daemon.json'), 'utf8')))
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: socket, method, path }, response => {
      let text = ''
      response.on('data', chunk => {
        text += String(chunk)
      })
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text))
        else reject(new Error(`${response.statusCode}: ${text}`))
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

export async function status(home: string): Promise<Status> {
  return statusSchema.parse(await control(home, 'GET', '/status'))
}

/** Generous: on a busy two-core machine a daemon takes a while to start. */
const patienceMs = 100_000

/** Asks again until the answer is not undefined; a question that cannot be asked yet counts as unanswered. */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + patienceMs
  let last: unknown
  while (Date.now() < deadline) {
    try {
      const answer = await ask()
      if (answer !== undefined) return answer
    } catch (error) {
      last = error
    }
    await delay(50)
  }
  throw new Error(`${what} did not happen in time`, { cause: last })
}

/** All parts up, served by this process. */
export function ready(home: string, child: ChildProcess): Promise<Status> {
  return eventually('a ready daemon', async () => {
    const now = await status(home)
    if (now.pid === child.pid && now.starting.length === 0) return now
    throw new Error(`daemon ${now.pid}, not ${child.pid}, or it still starts ${JSON.stringify(now.starting)}`)
  })
}
