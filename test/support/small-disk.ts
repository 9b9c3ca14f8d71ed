import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname } from 'node:path'

/** A disk over a folder that only those see who are started through `enter`; it is gone with all on it when disposed. */
export interface SmallDisk extends AsyncDisposable {
  /** Runs the command that follows, in the folder above. */
  readonly enter: readonly string[]
  /** Fills it up until so much is left. */
  fill(leftKib: number): void
  /** Removes what `fill` put there. */
  free(): void
}

const isRoot = process.getuid?.() === 0
const namespace = isRoot ? ['--mount'] : ['--user', '--map-root-user', '--mount']

/** Whether this user may make a namespace with a disk of its own; Linux only. */
export function canMount(): boolean {
  try {
    execFileSync('unshare', [...namespace, 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export async function mountSmallDisk(folder: string, sizeKib: number): Promise<SmallDisk> {
  const script = 'mount -t tmpfs -o "size=$1k" none "$0" && echo mounted && exec cat'
  const holder = spawn('unshare', [...namespace, 'sh', '-c', script, folder, String(sizeKib)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  const enter = [
    ...['nsenter', '--target', String(holder.pid), '--mount'],
    ...(isRoot ? [] : ['--user', '--preserve-credentials']),
    // The working folder is taken from outside, where the disk is not.
    ...['sh', '-c', 'cd "$0" && exec "$@"', dirname(folder)],
  ]
  const run = (...command: readonly string[]): string => {
    const [file = '', ...args] = [...enter, ...command]
    return execFileSync(file, args, { encoding: 'utf8' })
  }
  return {
    enter,
    fill(leftKib) {
      const availableKib = Number(run('df', '--output=avail', '-k', folder).split('\n')[1])
      run('fallocate', '-l', `${availableKib - leftKib}KiB`, `${folder}/filler`)
    },
    free: () => void run('rm', '-f', `${folder}/filler`),
    async [Symbol.asyncDispose]() {
      const gone = once(holder, 'exit')
      holder.stdin.end()
      await gone
    },
  }
}
