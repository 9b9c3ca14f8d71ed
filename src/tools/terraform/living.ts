import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'

/** Those that take the state lock; `init`, `output` and `show` disturb nobody. */
const lockingCommands = ['apply', 'import', 'plan', 'state', 'taint', 'untaint']

/**
 * The pid of a terraform that works on this workspace's state, whoever started it; undefined when there is none. Asked
 * of the system's list of processes, so that it is right also when mlp was killed before it could write a pid down.
 */
export async function findLivingTerraform(folder: string): Promise<number | undefined> {
  const wanted = lockingCommands.map(command => `-chdir=${folder} ${command}`)
  const find = (listed: readonly Listed[]) =>
    listed.find(({ args }) => wanted.some(each => ` ${args} `.includes(` ${each} `)))?.pid
  const recent = await listedLately()
  // It may have ended since, and may have been one of ours.
  return find(recent) === undefined ? undefined : find(await list())
}

/** Several roots begin together, and what a killed mlp left behind was there long before that. */
const latelyMs = 1_000
let last: { readonly atMs: number; readonly listed: Promise<readonly Listed[]> } | undefined

function listedLately(): Promise<readonly Listed[]> {
  const atMs = performance.now()
  if (last === undefined || atMs - last.atMs > latelyMs) last = { atMs, listed: list() }
  return last.listed
}

async function list(): Promise<readonly Listed[]> {
  return process.platform === 'linux' ? listProc() : await listByPs()
}

interface Listed {
  readonly pid: number
  /** Separated by spaces. */
  readonly args: string
}

/** Synchronous: some hundred files that take microseconds each, and milliseconds as promises. */
function listProc(): readonly Listed[] {
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  return pids.map(pid => ({ pid: Number(pid), args: commandLineOf(pid).replaceAll('\0', ' ') }))
}

/** Processes end while they are listed, and those of others may be hidden. A zombie's command line is empty. */
function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

async function listByPs(): Promise<readonly Listed[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,args='])
  return stdout.split('\n').map(line => {
    const [, pid = '', args = ''] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? []
    return { pid: Number(pid), args }
  })
}
