import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { identify, type ProcessIdentity } from '../processes/process-identity.ts'
import { limitMemory } from './memory-limit.ts'
import { enter } from './network/private-network.ts'

export interface ContainerSpec {
  /** Absolute folder of this one run: its script, its exit code. */
  readonly folder: string
  readonly logFile: string
  readonly hostname: string
  /** Name of the pod's network namespace. */
  readonly pod: string
  readonly root: string
  readonly readOnlyRoot: boolean
  readonly mounts: readonly Mount[]
  readonly env: Readonly<Record<string, string>>
  readonly command: readonly string[]
  readonly workingDirectory: string
  readonly uid: number
  readonly gid: number
  /** Bytes of memory; undefined where there is no limit. */
  readonly memory: number | undefined
}

export interface Mount {
  /** Absolute on this machine; undefined: a memory file system of the container's own. */
  readonly source: string | undefined
  /** Absolute in the container. */
  readonly target: string
  readonly readOnly: boolean
}

const pollMs = 100

/**
 * Starts a container as a process: inside its pod's network namespace, with process, mount and host name namespaces
 * of its own, its image as its root, and its user as itself. The isolation makes it behave as it would in a cluster;
 * it does not protect the machine from it. The environment is handed over as such, so that no argument shows it.
 */
export async function startContainer(spec: ContainerSpec, holder: number): Promise<ProcessIdentity> {
  await mkdir(spec.folder, { recursive: true, mode: 0o700 })
  const script = join(spec.folder, 'start.sh')
  for (const name of ['dev', 'proc']) await mkdir(join(spec.root, name), { recursive: true })
  for (const mount of spec.mounts) await makeMountPoint(spec, mount)
  await writeFile(script, startScript(spec), { mode: 0o600 })
  const limit = spec.memory === undefined ? undefined : await limitMemory(spec.folder, spec.memory)
  const log = await open(spec.logFile, 'a', 0o600)
  try {
    const child = spawn(
      '/bin/sh',
      [
        // Limited before it is anything: what it starts is of the same cgroup.
        ...['-c', '[ -z "$0" ] || echo $$ > "$0"; exec "$@"', limit?.members ?? ''],
        '/usr/bin/nsenter',
        ...[...enter(holder), '/usr/bin/nsenter'],
        ...[`--net=/run/netns/${spec.pod}`, '/usr/bin/unshare', '--mount', '--uts', '--ipc', '--pid'],
        ...['/bin/sh', '-c', keeperScript, 'container', exitFile(spec.folder), script],
      ],
      { cwd: '/', detached: true, env: spec.env, stdio: ['ignore', log.fd, log.fd] },
    )
    await once(child, 'spawn')
    child.unref()
    const identity = await identify(child.pid ?? 0)
    // Ended at once: the exit file tells how.
    return identity ?? { pid: child.pid ?? 0, startedAt: 'ended' }
  } finally {
    await log.close()
  }
}

/** Resolves with the exit code once the container has ended, whichever daemon started it. */
export async function waitForExit(
  folder: string,
  identity: ProcessIdentity,
  signal: AbortSignal,
): Promise<number> {
  for (;;) {
    const isGone = (await identify(identity.pid))?.startedAt !== identity.startedAt
    const code = await readFile(exitFile(folder), 'utf8').catch(() => undefined)
    if (code !== undefined && code !== '') return Number(code.trim())
    if (isGone) {
      // Its keeper was killed before it could write.
      sendSignal(-identity.pid, 'SIGKILL')
      return lostExitCode
    }
    await delay(pollMs, undefined, { signal })
  }
}

/** What a container runtime says of a container whose end nobody saw. */
const lostExitCode = 255

/**
 * Its first child is the container's process 1. Who asks later, an adopting daemon too, finds the exit code in a
 * file, written without another process: the namespace takes none after its first has ended.
 */
const keeperScript = 'exec 3>&2 2>/dev/null; /bin/sh "$2" 2>&3 3>&-; echo $? > "$1"'

/** Signals the container's first process; false when there is none any more. */
export async function signalContainer(identity: ProcessIdentity, signal: NodeJS.Signals): Promise<boolean> {
  if ((await identify(identity.pid))?.startedAt !== identity.startedAt) return false
  const first = await firstProcess(identity.pid)
  return first !== undefined && sendSignal(first, signal)
}

/** Ends everything of the container at once. */
export async function killContainer(identity: ProcessIdentity): Promise<void> {
  if (await signalContainer(identity, 'SIGKILL')) return
  if ((await identify(identity.pid))?.startedAt === identity.startedAt) sendSignal(-identity.pid, 'SIGKILL')
}

/** Process id, on this machine, of the container's own process 1. */
export async function firstProcess(keeper: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${keeper}/task/${keeper}/children`, 'utf8').catch(() => '')
  const first = text.split(' ')[0] ?? ''
  return first === '' ? undefined : Number(first)
}

/**
 * What runs a command inside a running container, for exec and exec probes. Whoever is not root may enter the
 * container's namespaces only from the one that they were made in, the network's, and the container's own user last:
 * nsenter does that by itself. Its user is then who it is on this machine, under the container's name for it.
 */
export function execArguments(first: number, holder: number): readonly string[] {
  return [
    ...['/usr/bin/nsenter', '--target', String(holder), '--user', '--preserve-credentials', '--'],
    ...['/usr/bin/nsenter', '--target', String(first), '--user', '--preserve-credentials'],
    ...['--mount', '--net', '--pid', '--uts', '--ipc'],
    ...[`--root=/proc/${first}/root`, `--wd=/proc/${first}/cwd`],
  ]
}

/** The environment that a process was started with. */
export async function environmentOf(pid: number): Promise<Readonly<Record<string, string>>> {
  const text = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
  const pairs = text.split('\0').flatMap(pair => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? []
    return name === undefined || value === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(pairs)
}

function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

function exitFile(folder: string): string {
  return join(folder, 'exit')
}

/** An image may lack what is mounted over; it is made in the unpacked root, where it stays empty. */
async function makeMountPoint(spec: ContainerSpec, { target, source }: Mount): Promise<void> {
  // Inside of another mount, it is what is mounted there that has to have it.
  const around = spec.mounts.findLast(
    other => other.source !== undefined && target.startsWith(`${other.target.replace(/\/$/, '')}/`),
  )
  const path =
    around?.source === undefined
      ? join(spec.root, target)
      : join(around.source, target.slice(around.target.length))
  const isFolder = source === undefined || (await stat(source)).isDirectory()
  if (await stat(path).catch(() => undefined)) return
  await mkdir(isFolder ? path : dirname(path), { recursive: true })
  if (!isFolder) await writeFile(path, '', { flag: 'a' })
}

/**
 * Mounts, then becomes the container. Every tool is named by its path: PATH is the container's. proc is bound where
 * the kernel refuses a new one, as inside containers.
 */
function startScript(spec: ContainerSpec): string {
  const root = quote(spec.root)
  const at = (path: string) => quote(join(spec.root, path))
  const lines = [
    'set -e',
    // Without root the file cannot be written to; without either the name stays the machine's, and nothing depends on it.
    `/bin/hostname ${quote(spec.hostname)} 2>/dev/null || :`,
    `/bin/mount --bind ${root} ${root}`,
    `/bin/mount -t tmpfs -o mode=755,size=65536k tmpfs ${at('dev')}`,
    ...devices.map(name => `: > ${at(`dev/${name}`)}; /bin/mount --bind /dev/${name} ${at(`dev/${name}`)}`),
    `/bin/mkdir -m 1777 ${at('dev/shm')}`,
    ...['stdin', 'stdout', 'stderr'].map(
      (name, number) => `/bin/ln -s /proc/self/fd/${number} ${at(`dev/${name}`)}`,
    ),
    `/bin/ln -s /proc/self/fd ${at('dev/fd')}`,
    `/bin/mount -t proc proc ${at('proc')} 2>/dev/null || /bin/mount --rbind /proc ${at('proc')}`,
    ...spec.mounts.flatMap(({ source, target, readOnly }) =>
      source === undefined
        ? [`/bin/mount -t tmpfs -o mode=1777 tmpfs ${at(target)}`]
        : [
            `/bin/mount --bind ${quote(source)} ${at(target)}`,
            ...(readOnly ? [`/bin/mount -o remount,bind,ro ${at(target)}`] : []),
          ],
    ),
    ...(spec.readOnlyRoot ? [`/bin/mount -o remount,bind,ro ${root} ${root}`] : []),
    'unset PWD OLDPWD',
    `exec /usr/bin/unshare --user --map-user=${spec.uid} --map-group=${spec.gid} --root=${root} --wd=${quote(spec.workingDirectory)} -- ${spec.command.map(quote).join(' ')}`,
  ]
  return `${lines.join('\n')}\n`
}

const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty']

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
