import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/** What tells a process from a later one with the same id. */
export interface ProcessIdentity {
  readonly pid: number
  /** As the system words it; only ever compared. */
  readonly startedAt: string
}

/** The identity of a process that runs now; undefined when there is none, or only its remains (a zombie). */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(ignoreMissing)
  if (line !== undefined) {
    // The program's name stands in brackets and may hold anything; state is field 3, start time field 22.
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
    const [state, startedAt] = [fields[0], fields[19]]
    return startedAt === undefined || state === 'Z' || state === 'X' ? undefined : { pid, startedAt }
  }
  if (process.platform === 'linux') return undefined
  const shown = await ps(pid, 'stat=,lstart=')
  return shown === '' || shown.startsWith('Z') ? undefined : { pid, startedAt: shown.replace(/^\S+\s+/, '') }
}

/** Resident memory in bytes; undefined when the process is gone. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  const line = await readFile(`/proc/${pid}/status`, 'utf8').catch(ignoreMissing)
  const kibibytes = line?.match(/^VmRSS:\s+(\d+) kB/m)?.[1] ?? (await psWhereNeeded(pid))
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
}

async function psWhereNeeded(pid: number): Promise<string | undefined> {
  const shown = process.platform === 'linux' ? '' : await ps(pid, 'rss=')
  return shown === '' ? undefined : shown
}

async function ps(pid: number, columns: string): Promise<string> {
  // ps ends with 1 and no output when there is no such process.
  const { stdout } = await promisify(execFile)('ps', ['-o', columns, '-p', String(pid)]).catch(() => ({
    stdout: '',
  }))
  return stdout.trim()
}

function ignoreMissing(error: unknown): undefined {
  // ESRCH: it ended while being read.
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return
  throw error
}
