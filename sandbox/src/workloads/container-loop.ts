import { execFile } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { probeContainer } from './container-probes.ts'
import { containerSpec } from './container-spec.ts'
import {
  environmentOf,
  execArguments,
  firstProcess,
  killContainer,
  signalContainer,
  startContainer,
  waitForExit,
} from './containers.ts'
import type { PulledImage } from './images.ts'
import { noteLogTimes, timesFile } from './kubelet/log-times.ts'
import { findMemoryLimit } from './memory-limit.ts'
import { type Container, ContainerProblem, type Probe, podKey } from './pod.ts'
import type { PodContext } from './pod-context.ts'
import { type ContainerRecord, seconds } from './pod-status.ts'
import { type ProbeTarget, runHandler } from './probes.ts'

/** The kubelet's: 10 s, doubled each time, at most 5 min; forgotten after 10 min of running. */
const backOff = { firstSeconds: 10, mostSeconds: 300, forgottenAfterMs: 600_000 }
/** Even a sandbox without durations does not start a crashing container as fast as it can. */
const leastTimeScale = 0.01

interface ExecCommand {
  readonly line: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

export interface ContainerLoop {
  /** Resolves when it will not be started any more: with its last exit code, undefined when `abandon` came first. */
  readonly ended: Promise<number | undefined>
  /** preStop, SIGTERM, and SIGKILL when the grace period is over; it is not started again. */
  stop(graceMs: number): Promise<void>
  /** Lets go of it as it is: the next daemon goes on. */
  abandon(): void
  /** Runs a command inside of it, as exec probes do. */
  exec: ProbeTarget['exec']
  /** What to spawn for a command inside of it, with its environment; undefined while it does not run. */
  execCommand(command: readonly string[]): Promise<ExecCommand | undefined>
  logFile(previous: boolean): string | undefined
  isRunning(): boolean
}

/** Runs one container for as long as its pod wants it: pulls, starts, probes, waits, backs off, starts again. */
export function startContainerLoop(
  context: PodContext,
  container: Container,
  record: ContainerRecord,
  isInit: boolean,
): ContainerLoop {
  const leaving = new AbortController()
  const stopping = new AbortController()
  const waiting = AbortSignal.any([leaving.signal, stopping.signal])
  const isSidecar = isInit && container.restartPolicy === 'Always'
  let backOffSeconds = 0
  /** Under way when a probe has failed too often. */
  let killing: Promise<void> | undefined

  const runFolder = () => join(context.folder, 'containers', container.name, String(record.restartCount))
  const logOf = (run: number) => join(context.folder, 'containers', container.name, `${run}.log`)
  const event = (type: 'Normal' | 'Warning', reason: string, message: string) =>
    context.events.record(context.pod(), type, reason, message, container.name)
  const wait = (reason: string, message: string) => {
    record.state = { waiting: { reason, message } }
    record.ready = false
    record.started = false
    context.changed()
  }
  const scaled = (secondsLong: number) => secondsLong * 1000 * Math.max(context.timeScale(), leastTimeScale)

  const target: ProbeTarget = {
    podIp: context.facts.podIp,
    dial: (address, port, signal) => context.network.dial(address, port, signal),
    async exec(command, signal) {
      const known = await execCommand(command)
      const [file, ...args] = known?.line ?? []
      if (file === undefined) return { code: 1, output: 'container not running' }
      return new Promise(resolve => {
        execFile(file, args, { signal, env: { ...known?.env } }, (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
          resolve({ code, output: `${stdout}${stderr}` })
        })
      })
    },
  }

  async function execCommand(command: readonly string[]): Promise<ExecCommand | undefined> {
    const first = record.process === undefined ? undefined : await firstProcess(record.process.pid)
    if (first === undefined) return undefined
    const line = [...execArguments(first, context.network.holder()), ...command]
    return { line, env: await environmentOf(first) }
  }

  /** Pulls until it succeeds; each failure is told and waited out, longer each time. */
  async function pull(): Promise<PulledImage & { readonly id: string }> {
    let pause = 0
    for (;;) {
      try {
        event('Normal', 'Pulling', `Pulling image "${container.image}"`)
        const begun = performance.now()
        const image = await context.images.pull(container.image, message => {
          event('Normal', 'Building', message)
          wait('ContainerCreating', message)
        })
        const took = `${Math.round(performance.now() - begun)}ms`
        event(
          'Normal',
          'Pulled',
          `Successfully pulled image "${container.image}" in ${took}. Image size: ${image.bytes} bytes.`,
        )
        return image
      } catch (error) {
        if (!(error instanceof ContainerProblem)) throw error
        event('Warning', 'Failed', `Failed to pull image "${container.image}": ${error.message}`)
        event('Warning', 'Failed', `Error: ${error.reason}`)
        wait(error.reason, error.message)
        pause = nextPause(pause)
        await delay(scaled(pause / 2), undefined, { signal: waiting })
        wait(
          'ImagePullBackOff',
          `Back-off pulling image "${container.image}": ${error.reason}: ${error.message}`,
        )
        event('Normal', 'BackOff', `Back-off pulling image "${container.image}"`)
        await delay(scaled(pause / 2), undefined, { signal: waiting })
      }
    }
  }

  async function create(): Promise<void> {
    const image = await pull()
    record.imageId = image.id
    for (;;) {
      try {
        await mkdir(join(context.folder, 'containers', container.name), { recursive: true, mode: 0o700 })
        await rm(runFolder(), { recursive: true, force: true })
        const spec = await containerSpec(context, container, image, {
          folder: runFolder(),
          logFile: logOf(record.restartCount),
        })
        record.uid = spec.uid
        record.gid = spec.gid
        record.containerId = `sandbox://${context.pod().metadata.uid}/${container.name}/${record.restartCount}`
        event('Normal', 'Created', 'Container created')
        if (!spec.readOnlyRoot) await copyRoot(image.root, spec.root)
        record.process = await startContainer(spec, context.network.holder())
        record.state = { running: { startedAt: seconds(new Date()) } }
        event('Normal', 'Started', 'Container started')
        return
      } catch (error) {
        waiting.throwIfAborted()
        // What is no mistake of the pod (a network that comes back, an API server that starts) passes.
        const reason = error instanceof ContainerProblem ? error.reason : 'CreateContainerError'
        const message = error instanceof Error ? error.message : String(error)
        event('Warning', 'Failed', `Error: ${message}`)
        wait(reason, message)
        await delay(scaled(backOff.firstSeconds), undefined, { signal: waiting })
      }
    }
  }

  /** Ends what failed a probe too often; it starts again by itself. */
  function restart(kind: string, probe: Probe): void {
    if (killing !== undefined) return
    event('Normal', 'Killing', `Container ${container.name} failed ${kind} probe, will be restarted`)
    const grace = probe.terminationGracePeriodSeconds ?? context.pod().spec.terminationGracePeriodSeconds
    killing = end(grace * 1000)
  }

  /** Ends what runs now, politely first. */
  async function end(graceMs: number): Promise<void> {
    const identity = record.process
    if (identity === undefined) return
    const deadline = AbortSignal.timeout(Math.max(graceMs, 1))
    const exited = waitForExit(runFolder(), identity, leaving.signal).catch(() => undefined)
    const { preStop } = container.lifecycle ?? {}
    if (preStop !== undefined && graceMs > 0)
      await runHandler(container, preStop, target, deadline).then(
        verdict => {
          if (!verdict.ok) event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${verdict.output}`)
        },
        () => undefined,
      )
    if (graceMs > 0) await signalContainer(identity, 'SIGTERM')
    const late = Promise.withResolvers<'late'>()
    deadline.addEventListener('abort', () => late.resolve('late'), { once: true })
    if (deadline.aborted) late.resolve('late')
    if ((await Promise.race([exited, late.promise])) === 'late') await killContainer(identity)
    await exited
  }

  /** Waits for the end of what runs, and remembers how that was. */
  async function follow(identity: NonNullable<ContainerRecord['process']>): Promise<number> {
    const probing = new AbortController()
    const signal = AbortSignal.any([probing.signal, leaving.signal])
    const watched = { container, record, target, changed: context.changed, restart }
    const unhealthy = (message: string) => event('Warning', 'Unhealthy', message)
    probeContainer({ ...watched, unhealthy }, signal).catch((error: unknown) => {
      if (!signal.aborted)
        context.log(`${podKey(context.pod())}/${container.name}: probing: ${String(error)}`)
    })
    context.changed()
    noteLogTimes(logOf(record.restartCount), signal)
    const startedAt = 'running' in record.state ? record.state.running.startedAt : seconds(new Date())
    let exitCode: number
    try {
      exitCode = await waitForExit(runFolder(), identity, leaving.signal)
    } finally {
      probing.abort()
    }
    await killing
    killing = undefined
    const isLimited = container.resources.limits['memory'] !== undefined
    const limit = isLimited ? await findMemoryLimit(runFolder()) : undefined
    const isOutOfMemory = exitCode !== 0 && (await limit?.wasExceeded()) === true
    await limit?.remove()
    record.process = undefined
    record.ready = false
    record.started = false
    record.state = {
      terminated: {
        exitCode,
        reason: exitCode === 0 ? 'Completed' : isOutOfMemory ? 'OOMKilled' : 'Error',
        startedAt,
        finishedAt: seconds(new Date()),
        containerID: record.containerId,
      },
    }
    context.changed()
    return exitCode
  }

  function isWantedAgain(exitCode: number): boolean {
    if (stopping.signal.aborted) return false
    const policy = isSidecar ? 'Always' : context.pod().spec.restartPolicy
    // An init container that succeeded is done, whatever the policy.
    if (isInit && !isSidecar && exitCode === 0) return false
    return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0)
  }

  async function waitForRestart(): Promise<void> {
    if (!('terminated' in record.state)) return
    const { terminated } = record.state
    record.lastState = { terminated }
    const ranMs = Date.parse(terminated.finishedAt) - Date.parse(terminated.startedAt)
    const pause = ranMs > backOff.forgottenAfterMs ? 0 : backOffSeconds
    backOffSeconds = nextPause(pause)
    if (pause > 0) {
      const { name, uid } = context.pod().metadata
      const what = `restarting failed container=${container.name} pod=${name}_${context.pod().metadata.namespace}(${uid})`
      wait('CrashLoopBackOff', `back-off ${duration(pause)} ${what}`)
      event('Warning', 'BackOff', `Back-off ${what}`)
      await delay(scaled(pause), undefined, { signal: waiting })
    }
    record.restartCount += 1
    // The last run's log stays, for `kubectl logs --previous`.
    if (record.restartCount > 1)
      for (const file of [logOf(record.restartCount - 2), timesFile(logOf(record.restartCount - 2))])
        await rm(file, { force: true })
  }

  async function run(): Promise<number | undefined> {
    for (;;) {
      if ('terminated' in record.state) {
        const { exitCode } = record.state.terminated
        if (!isWantedAgain(exitCode)) return exitCode
        await waitForRestart()
      }
      if (record.process === undefined) await create()
      if (record.process === undefined) continue
      if (stopping.signal.aborted) await killContainer(record.process)
      await follow(record.process)
    }
  }

  return {
    ended: run().catch((error: unknown) => {
      if (waiting.aborted) return undefined
      context.log(
        `${podKey(context.pod())}/${container.name}: ${error instanceof Error ? error.stack : String(error)}`,
      )
      wait('CreateContainerError', error instanceof Error ? error.message : String(error))
      return undefined
    }),
    async stop(graceMs) {
      stopping.abort()
      if (record.process !== undefined) event('Normal', 'Killing', `Stopping container ${container.name}`)
      await end(graceMs)
    },
    abandon: () => leaving.abort(),
    exec: target.exec,
    execCommand,
    isRunning: () => record.process !== undefined,
    logFile(previous) {
      const run = previous ? record.restartCount - 1 : record.restartCount
      return run < 0 ? undefined : logOf(run)
    },
  }
}

/** A root that may be written to is one run's own. */
async function copyRoot(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 })
  await promisify(execFile)('cp', ['--archive', '--reflink=auto', from, to])
}

function nextPause(pause: number): number {
  return pause === 0 ? backOff.firstSeconds : Math.min(pause * 2, backOff.mostSeconds)
}

function duration(secondsLong: number): string {
  const minutes = Math.floor(secondsLong / 60)
  return minutes === 0 ? `${secondsLong}s` : `${minutes}m${secondsLong % 60}s`
}
