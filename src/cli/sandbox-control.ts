import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import * as z from 'zod'
import { MlpError } from '../engine/errors.ts'

/** Generous: engines may be building on every processor. */
const requestTimeoutMs = 60_000

const daemonFile = z.object({ socket: z.string(), code: z.string().default('') })

/** The daemon that was last started in a home, whether or not it lives. */
export interface Daemon {
  readonly home: string
  readonly socket: string
  /** Of which code it is; empty for the first versions. */
  readonly code: string
}

/** One request to the daemon of a home; undefined when none answers. */
export async function ask(home: string, method: 'GET' | 'POST', path: string): Promise<unknown> {
  const daemon = await findDaemon(home)
  return daemon === undefined ? undefined : askDaemon(daemon, method, path)
}

/** Undefined when there is none. Throws MlpError MLP5207 and MLP5208 when that cannot be told. */
export async function findDaemon(home: string): Promise<Daemon | undefined> {
  const path = join(home, 'daemon.json')
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw homeUnusable(home, error)
  })
  return text === undefined ? undefined : { home, ...parse(text, path) }
}

/** Undefined when it does not answer. */
export function askDaemon(daemon: Daemon, method: 'GET' | 'POST', path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { socketPath: daemon.socket, method, path, timeout: requestTimeoutMs },
      response => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const body = Buffer.concat(chunks).toString('utf8')
          if (response.statusCode === 200) resolve(JSON.parse(body))
          else reject(new Error(`the sandbox answered ${response.statusCode} to ${method} ${path}: ${body}`))
        })
      },
    )
    outgoing.on('timeout', () => outgoing.destroy(silent(daemon.home)))
    outgoing.on('error', error => {
      const gone =
        'code' in error && ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(String(error.code))
      if (gone) resolve(undefined)
      else reject(error)
    })
    outgoing.end()
  })
}

function parse(text: string, path: string): z.output<typeof daemonFile> {
  try {
    return daemonFile.parse(JSON.parse(text))
  } catch (error) {
    throw new MlpError({
      code: 'MLP5207',
      summary: `${path} is damaged`,
      detail: 'It names the running sandbox; nothing else is in it.',
      remedy: ['mlp sandbox stop, then the same command again'],
      cause: error,
    })
  }
}

export function homeUnusable(home: string, error: unknown): MlpError {
  return new MlpError({
    code: 'MLP5208',
    summary: `the sandbox cannot use its folder ${home}`,
    detail: error instanceof Error ? error.message : String(error),
    remedy: [`make ${home} a folder that you own`, 'or choose another one: MLP_SANDBOX_HOME=FOLDER'],
    cause: error,
  })
}

function silent(home: string): MlpError {
  return new MlpError({
    code: 'MLP5206',
    summary: `the sandbox does not answer within ${requestTimeoutMs / 1000} s`,
    remedy: [`read ${join(home, 'log', 'daemon.log')}`, 'mlp sandbox stop, then the same command again'],
  })
}
