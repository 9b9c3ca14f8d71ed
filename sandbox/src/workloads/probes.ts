import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as tlsConnect } from 'node:tls'
import { grpcHealth } from './grpc-health.ts'
import type { Container, Handler, Probe } from './pod.ts'

/** How a container is reached from its node. */
export interface ProbeTarget {
  readonly podIp: string
  dial(address: string, port: number, signal: AbortSignal): Promise<Socket>
  /** Runs a command in the container; its exit code and what it printed. */
  exec(
    command: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly code: number; readonly output: string }>
}

type Verdict = { readonly ok: true } | { readonly ok: false; readonly output: string }

/**
 * Asks again and again until `signal` ends it, and tells each change that thresholds make certain, and each failure.
 * https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
 */
export async function watchProbe(
  container: Container,
  probe: Probe,
  target: ProbeTarget,
  signal: AbortSignal,
  onResult: (result: 'success' | 'failure') => void,
  onFailure: (output: string) => void,
): Promise<void> {
  let [successes, failures] = [0, 0]
  await delay(probe.initialDelaySeconds * 1000, undefined, { signal })
  for (;;) {
    const verdict = await askOnce(container, probe, target, probe.timeoutSeconds * 1000, signal)
    signal.throwIfAborted()
    if (verdict.ok) {
      successes += 1
      failures = 0
      if (successes >= probe.successThreshold) onResult('success')
    } else {
      failures += 1
      successes = 0
      onFailure(verdict.output)
      if (failures >= probe.failureThreshold) onResult('failure')
    }
    await delay(probe.periodSeconds * 1000, undefined, { signal })
  }
}

async function askOnce(
  container: Container,
  handler: Handler,
  target: ProbeTarget,
  timeoutMs: number,
  ended: AbortSignal,
): Promise<Verdict> {
  const timeout = AbortSignal.timeout(timeoutMs)
  const signal = AbortSignal.any([timeout, ended])
  try {
    return await runHandler(container, handler, target, signal)
  } catch (error) {
    if (timeout.aborted) return { ok: false, output: `context deadline exceeded after ${timeoutMs} ms` }
    return { ok: false, output: error instanceof Error ? error.message : String(error) }
  }
}

/** One question, of a probe or of a lifecycle hook. */
export async function runHandler(
  container: Container,
  handler: Handler,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<Verdict> {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler
  if (exec !== undefined) {
    const { code, output } = await target.exec(exec.command, signal)
    return code === 0 ? { ok: true } : { ok: false, output: output || `command ended with ${code}` }
  }
  if (httpGet !== undefined) {
    const status = await httpStatus(container, httpGet, target, signal)
    return status >= 200 && status < 400
      ? { ok: true }
      : { ok: false, output: `HTTP probe failed with statuscode: ${status}` }
  }
  if (tcpSocket !== undefined) {
    const port = portNumber(container, tcpSocket.port)
    const socket = await target.dial(tcpSocket.host ?? target.podIp, port, signal)
    socket.destroy()
    return { ok: true }
  }
  if (sleep !== undefined) {
    await delay(sleep.seconds * 1000, undefined, { signal })
    return { ok: true }
  }
  if (grpc !== undefined) {
    const socket = await target.dial(target.podIp, grpc.port, signal)
    const problem = await grpcHealth(socket, `${target.podIp}:${grpc.port}`, grpc.service, signal)
    return problem === undefined ? { ok: true } : { ok: false, output: problem }
  }
  return { ok: false, output: 'the handler names nothing to do' }
}

async function httpStatus(
  container: Container,
  get: NonNullable<Handler['httpGet']>,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<number> {
  const port = portNumber(container, get.port)
  const plain = await target.dial(get.host ?? target.podIp, port, signal)
  // As the kubelet does: a probe asks whether it answers, not who it is.
  const socket = get.scheme === 'HTTPS' ? tlsConnect({ socket: plain, rejectUnauthorized: false }) : plain
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const asking = httpRequest(
        {
          createConnection: () => socket,
          path: get.path,
          signal,
          headers: {
            host: `${target.podIp}:${port}`,
            'user-agent': 'kube-probe/1.35',
            accept: '*/*',
            connection: 'close',
            ...Object.fromEntries(get.httpHeaders.map(({ name, value }) => [name.toLowerCase(), value])),
          },
        },
        resolve,
      )
      asking.on('error', reject)
      asking.end()
    })
    answer.resume()
    return answer.statusCode ?? 0
  } finally {
    socket.destroy()
  }
}

function portNumber(container: Container, port: number | string): number {
  if (typeof port === 'number') return port
  const named = container.ports.find(candidate => candidate.name === port)?.containerPort
  if (named === undefined) throw new Error(`couldn't find port: ${port}`)
  return named
}
