import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/** Those that take the state lock; `init`, `output` and `show` disturb nobody. */
const lockingCommands = ['apply', 'import', 'plan', 'state', 'taint', 'untaint']

/**
 * The pid of a terraform that works on this workspace's state, whoever started it; undefined when there is none. Asked
 * of the system's list of processes, so that it is right also when mlp was killed before it could write a pid down.
 */
export async function findLivingTerraform(folder: string): Promise<number | undefined> {
  const wanted = lockingCommands.map(command => `-chdir=${folder} ${command}`)
  const processes = process.platform === 'linux' ? await listProc() : await listByPs()
  return processes.find(({ args }) => wanted.some(each => ` ${args} `.includes(` ${each} `)))?.pid
}

interface Listed {
  readonly pid: number
  /** Separated by spaces. */
  readonly args: string
}

async function listProc(): Promise<readonly Listed[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  return await Promise.all(
    pids.map(async pid => {
      // Processes end while they are listed, and those of others may be hidden. A zombie's command line is empty.
      const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      return { pid: Number(pid), args: commandLine.replaceAll('\0', ' ') }
    }),
  )
}

async function listByPs(): Promise<readonly Listed[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,args='])
  return stdout.split('\n').map(line => {
    const [, pid = '', args = ''] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? []
    return { pid: Number(pid), args }
  })
}
