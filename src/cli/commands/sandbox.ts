import { dirname, resolve } from 'node:path'
import { type ExitCode, exitCodes, MlpError } from '../../engine/errors.ts'
import type { Io } from '../io.ts'
import type { SandboxOptions } from '../options.ts'
import {
  ensureSandbox,
  removeSandbox,
  type SandboxStatus,
  sandboxEnvironment,
  sandboxStatus,
  stopSandbox,
} from '../sandbox-client.ts'
import { sandboxHome } from '../target.ts'

/** `mlp sandbox start|stop|status|env|reset`. Data goes to stdout, everything else to stderr. */
export async function runSandboxCommand(options: SandboxOptions, io: Io): Promise<ExitCode> {
  const folder = options.config === undefined ? io.cwd : dirname(resolve(io.cwd, options.config))
  const home = sandboxHome(folder, io.env)
  const say = (text: string) => {
    if (!options.quiet) io.stderr.write(`${text}\n`)
  }
  const data = (json: object, text: string) =>
    io.stdout.write(options.json ? `${JSON.stringify(json)}\n` : text)
  switch (options.action) {
    case 'start':
      await start(home, say)
      say(`The sandbox is ready in ${home}. Its clouds are simulated.`)
      data(document(home, await sandboxStatus(home)), '')
      return exitCodes.done
    case 'stop':
      say(
        (await stopSandbox(home))
          ? `The sandbox is stopped; its data stays in ${home}.`
          : `The sandbox in ${home} was not running.`,
      )
      data(document(home, undefined), '')
      return exitCodes.done
    case 'status': {
      const status = await sandboxStatus(home)
      data(document(home, status), statusText(home, status))
      return exitCodes.done
    }
    case 'env': {
      await start(home, say)
      const environment = await sandboxEnvironment(home)
      data({ schemaVersion: 1, environment }, shellExports(environment))
      return exitCodes.done
    }
    case 'reset':
      if (!options.yes && !(await confirmReset(home, io))) throw resetRefused(home)
      say(
        (await removeSandbox(home)) ? `The sandbox in ${home} is gone.` : `There was no sandbox in ${home}.`,
      )
      data(document(home, undefined), '')
      return exitCodes.done
  }
}

/** Ctrl-C stops the waiting; the daemon goes on by itself. */
async function start(home: string, report: (message: string) => void): Promise<void> {
  const interrupt = new AbortController()
  const abort = () => {
    const remedy = ['mlp sandbox start goes on waiting', 'mlp sandbox stop ends it']
    interrupt.abort(
      new MlpError({
        code: 'MLP5130',
        summary: 'interrupted while the sandbox was starting',
        remedy,
      }),
    )
  }
  process.once('SIGINT', abort)
  try {
    await ensureSandbox({ home, signal: interrupt.signal, report })
  } catch (error) {
    // A cancelled wait throws its own error; the reason is what a person should see.
    throw interrupt.signal.aborted ? interrupt.signal.reason : error
  } finally {
    process.removeListener('SIGINT', abort)
  }
}

function document(home: string, status: SandboxStatus | 'other code' | undefined): object {
  const common = { schemaVersion: 1, running: status !== undefined, home }
  return status === 'other code' ? { ...common, otherVersion: true } : { ...common, ...status }
}

function statusText(home: string, status: SandboxStatus | 'other code' | undefined): string {
  if (status === undefined) return `The sandbox in ${home} is not running.\nNext: mlp sandbox start\n`
  if (status === 'other code')
    return `The sandbox in ${home} was started by another version of mlp.\nNext: mlp sandbox start replaces it; its data stays\n`
  return describeStatus(status)
}

function describeStatus(status: SandboxStatus): string {
  const total = status.processes.reduce((sum, one) => sum + (one.memoryBytes ?? 0), status.memoryBytes)
  const rows = [
    ['process', 'state', 'pid', 'port', 'memory'],
    ['daemon', 'running', String(status.pid), '', mebibytes(status.memoryBytes)],
    ...status.processes.map(one => [
      one.name,
      one.restarts === 0 ? one.state : `${one.state}, restarted ${one.restarts} times`,
      one.pid === null ? '' : String(one.pid),
      one.port === null ? '' : String(one.port),
      one.memoryBytes === null ? '' : mebibytes(one.memoryBytes),
    ]),
  ]
  const clusters = table(
    status.clusters.map(one => [
      `  ${one.name}`,
      `Kubernetes ${one.version}`,
      one.endpoint,
      one.running ? 'running' : 'starting',
    ]),
  )
  const clouds = table(
    status.clouds.map(one => [`  ${one.name}`, one.endpoint, `${one.resources} resources`]),
  )
  const faults = status.faults.map(
    one => `  ${one.on}  ${one.kind}${one.count === 1 ? '' : `, ${one.count} times`}`,
  )
  const waiting = [
    ...status.building.map(program => `  ${program.name}  ${program.message}`),
    ...status.starting.map(
      part => `  ${part.name}  ${part.state}${part.why === undefined ? '' : `: ${part.why}`}`,
    ),
  ]
  return [
    `Sandbox in ${status.home}, since ${status.startedAt}`,
    `${mebibytes(total)} of memory in all; simulated clouds take ${percent(status.timeScale)} of the real ones' time`,
    '',
    ...table(rows),
    '',
    'Clouds (simulated)',
    ...clouds,
    ...(clusters.length === 0
      ? []
      : ['', 'Clusters (real control planes, simulated nodes and pods)', ...clusters]),
    ...(waiting.length === 0 ? [] : ['', 'Not up yet', ...waiting]),
    ...(faults.length === 0 ? [] : ['', 'Faults to come (injected)', ...faults]),
    '',
    'Real',
    ...status.real.map(line => `  ${line}`),
    'Simulated',
    ...status.simulated.map(line => `  ${line}`),
    '',
  ].join('\n')
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  return rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`
}

/** For `eval`: single quotes hold every character but themselves. */
export function shellExports(environment: Readonly<Record<string, string | null>>): string {
  return Object.entries(environment)
    .map(([name, value]) => {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
        throw new Error(`${name} is no name of an environment variable`)
      return value === null ? `unset ${name}\n` : `export ${name}='${value.replaceAll("'", "'\\''")}'\n`
    })
    .join('')
}

/** Without a terminal to ask on, `--yes` is the only way. */
async function confirmReset(home: string, io: Io): Promise<boolean> {
  const { askYesNo } = await import('../prompts.ts')
  const message = `Delete the sandbox in ${home} with all its simulated resources, buckets, clusters and terraform states? There is no undo.`
  return askYesNo(io, { message, flag: '--yes' })
}

function resetRefused(home: string): MlpError {
  return new MlpError({
    code: 'MLP5002',
    summary: `the sandbox in ${home} was not deleted`,
    detail: 'The question was answered with no.',
    remedy: ['mlp sandbox reset --yes'],
  })
}
