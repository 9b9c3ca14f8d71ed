import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import * as z from 'zod'

/** Sends bytes as they are and returns all that comes back until the other side closes. */
export async function rawRequest(port: number, ...chunks: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  let response = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    response += text
  })
  // The other side may close while we still send.
  socket.on('error', () => {})
  for (const chunk of chunks) socket.write(chunk)
  if (!socket.closed) await once(socket, 'close')
  return response
}

const logLineSchema = z.looseObject({ level: z.string(), msg: z.string(), time: z.iso.datetime() })
export type LogLine = z.output<typeof logLineSchema>

export interface ServiceProcess extends AsyncDisposable {
  readonly child: ChildProcess
  readonly url: string
  readonly lines: readonly LogLine[]
  /** Ends with the exit code. */
  readonly exited: Promise<number | null>
}

/** Starts a service's main file as a process of its own and waits until it listens. */
export async function startProcess(
  mainFile: string,
  environment: Readonly<Record<string, string>>,
): Promise<ServiceProcess> {
  const child = spawn(process.execPath, [mainFile], {
    env: { PATH: process.env.PATH, PORT: '0', DRAIN_DELAY_MS: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit').then(([code]) => z.number().nullable().parse(code))
  const lines: LogLine[] = []
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk
  })
  const listening = Promise.withResolvers<string>()
  createInterface({ input: child.stdout }).on('line', text => {
    const line = logLineSchema.parse(JSON.parse(text))
    lines.push(line)
    const url = /^Server listening at (http:\S+)$/.exec(line.msg)?.[1]
    if (url !== undefined) listening.resolve(url)
  })
  exited.then(code =>
    listening.reject(new Error(`${mainFile} ended with ${code} before it listened: ${errors}`)),
  )
  return {
    child,
    url: await listening.promise,
    lines,
    exited,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await exited
    },
  }
}

/** Asks until it is so; fails, saying what it waited for, after `timeoutMs`. */
export async function eventually(
  what: string,
  ask: () => Promise<boolean> | boolean,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await ask())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
