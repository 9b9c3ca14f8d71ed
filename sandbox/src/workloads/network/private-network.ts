import { execFile } from 'node:child_process'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { ProcessSupervisor } from '../../kubernetes/process-supervisor.ts'
import { dialInside } from './dial-inside.ts'
import type { ServiceTable } from './service-table.ts'

const run = promisify(execFile)
const readyTimeoutMs = 30_000
const pollMs = 20
/** Raised with the table's schema: a process of older code does not understand it and is replaced. */
const tableVersion = '2'
/** The next hop of every pod, on the outer end of its cable. No pod and no node has this address. */
const gateway = '169.254.1.1'

/** A cluster's network: a namespace with a namespace inside for each pod. */
export interface PrivateNetwork {
  /** Of the process that holds the namespaces: entered to start anything on this network. */
  holder(): number
  /** Makes anew what was killed of it. True when that was the namespaces: no pod is on the network any more. */
  repair(): Promise<boolean>
  /** Gives a pod its place on the network. Safe to repeat. */
  connect(pod: string, address: string, more: PodNetworkOptions): Promise<void>
  disconnect(pod: string): Promise<void>
  /** A TCP connection from the network itself, as a node would make it. */
  dial(address: string, port: number, signal?: AbortSignal): Promise<Socket>
  /** The same from inside of a pod, to its own localhost: past any proxy, as the kubelet forwards ports. */
  dialInside(pod: string, port: number): Promise<Duplex>
  /** Which address and port of a Service stands for which pods, and which name for which address. */
  publish(table: ServiceTable): Promise<void>
}

interface PodNetworkOptions {
  readonly sysctls: readonly { readonly name: string; readonly value: string }[]
  /** Rules as iptables-restore takes them, for a pod whose traffic has to take another way. */
  readonly rules: string | undefined
}

export interface PrivateNetworkOptions {
  /** Unique in the sandbox, such as `workloads/aws/ml-platform-dev`. */
  readonly name: string
  readonly folder: string
  /** Short: unix sockets' paths hold 100 bytes only. */
  readonly socket: string
  readonly logFile: string
  readonly serviceCidr: string
  /** Address of the cluster's DNS. */
  readonly dns: string
  readonly processes: ProcessSupervisor
}

/**
 * Makes or adopts the network. Two processes: one that only holds the namespaces, so that nothing breaks when the
 * other one, which forwards Services and answers DNS in them, is started again.
 */
export async function openPrivateNetwork(options: PrivateNetworkOptions): Promise<PrivateNetwork> {
  const { processes, name, socket } = options
  const environment = { PATH: systemPath }
  const holder = () => {
    const pid = processes.pid(`${name}/network`)
    if (pid === undefined) throw new Error(`the network of ${name} is gone`)
    return pid
  }
  const inside = async (script: string, ...args: readonly string[]) =>
    run('/usr/bin/nsenter', [...enter(holder()), '/bin/sh', '-ec', script, 'network', ...args], {
      env: environment,
    })
  const start = async () => {
    await processes.ensure({
      name: `${name}/network`,
      file: '/usr/bin/unshare',
      // No user needs to be root: inside a user namespace of one's own, one is.
      args: [
        '--user',
        '--map-root-user',
        '--net',
        '--mount',
        '/bin/sh',
        '-c',
        holderScript,
        options.serviceCidr,
      ],
      env: environment,
      cwd: options.folder,
      logFile: options.logFile,
    })
    await untilReady(async () => {
      const { stdout } = await inside('test -d /run/netns && ip route show table local')
      return stdout.includes(`local ${options.serviceCidr} dev lo`)
    })
    await processes.ensure({
      name: `${name}/services`,
      file: '/usr/bin/nsenter',
      args: [
        ...enter(holder()),
        process.execPath,
        '--max-old-space-size=64',
        fileURLToPath(new URL('services-process.ts', import.meta.url)),
        socket,
        options.dns,
        tableVersion,
      ],
      env: environment,
      cwd: options.folder,
      logFile: options.logFile,
    })
    await untilReady(() => ask(socket, 'GET', '/').then(() => true))
  }
  const pids = () => ['network', 'services'].map(part => processes.pid(`${name}/${part}`)).join()
  await start()
  let [known, knownHolder] = [pids(), holder()]
  /** A new process for the services has to be given it again. */
  let table: ServiceTable | undefined
  return {
    holder,
    async repair() {
      if (pids() === known) return false
      await start()
      if (table !== undefined) await ask(socket, 'PUT', '/table', table)
      const isNew = holder() !== knownHolder
      known = pids()
      knownHolder = holder()
      return isNew
    },
    async connect(pod, address, { sysctls, rules }) {
      await inside(connectScript, pod, interfaceOf(pod), address, gateway)
      for (const { name, value } of sysctls.filter(one => one.name.startsWith('net.')))
        await inside(sysctlScript, pod, `/proc/sys/${name.replaceAll('.', '/')}`, value)
      if (rules !== undefined) await inside(rulesScript, pod, rules)
    },
    async disconnect(pod) {
      await inside('ip netns delete "$1" || true', pod)
    },
    dial: (address, port, signal) => dial(socket, address, port, signal),
    dialInside: (pod, port) => dialInside([...enter(holder()), ...podsNetwork(pod)], port),
    async publish(next) {
      table = next
      await ask(socket, 'PUT', '/table', next)
    },
  }
}

/** For a command inside of a pod's network namespace, of which only the holder's mount namespace knows the name. */
function podsNetwork(pod: string): readonly string[] {
  return ['/usr/bin/nsenter', `--net=/run/netns/${pod}`]
}

/** nsenter's arguments for everything of the holder. The mount namespace is where pods' network namespaces are named. */
export function enter(holder: number): readonly string[] {
  return ['--target', String(holder), '--user', '--preserve-credentials', '--mount', '--net']
}

export const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const holderScript = `
set -e
mount -t tmpfs tmpfs /run
mkdir /run/netns
ip link set lo up
echo 1 > /proc/sys/net/ipv4/ip_forward
ip route add local "$0" dev lo
exec sleep infinity`

/** A pod that starts anew finds its namespace as it was; only what is missing is made. */
const connectScript = `
pod=$1 cable=$2 address=$3 gateway=$4
test -e /run/netns/$pod || ip netns add $pod
ip -n $pod link set lo up
ip link show $cable >/dev/null 2>&1 || {
  ip link add $cable type veth peer name eth0 netns $pod
  ip address add $gateway/32 dev $cable
  ip link set $cable up
  ip -n $pod address add $address/32 dev eth0
  ip -n $pod link set eth0 up
  ip -n $pod route add $gateway dev eth0
  ip -n $pod route add default via $gateway
  ip route add $address dev $cable
}`

/** A setting of the namespace that it is written from. */
const sysctlScript = `nsenter --net=/run/netns/$1 /bin/sh -ec 'echo "$2" > "$1"' sysctl "$2" "$3"`

const rulesScript = `
nsenter --net=/run/netns/$1 /bin/sh -ec 'echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet'
printf '%s' "$2" | nsenter --net=/run/netns/$1 iptables-restore`

/** Interface names hold 15 characters. */
function interfaceOf(pod: string): string {
  return `v${pod.replaceAll('-', '').slice(0, 14)}`
}

async function untilReady(isReady: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs
  let last: unknown
  while (Date.now() < deadline) {
    try {
      if (await isReady()) return
    } catch (error) {
      last = error
    }
    await delay(pollMs)
  }
  throw new Error('the private network does not come up', { cause: last })
}

function ask(socketPath: string, method: string, path: string, body?: object): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path }, response => {
      response.resume()
      response.on('end', () => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`${method} ${path}: ${response.statusCode}`))
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

function dial(socketPath: string, address: string, port: number, signal?: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const asking = request({
      socketPath,
      method: 'CONNECT',
      path: `${address}:${port}`,
      ...(signal === undefined ? {} : { signal }),
    })
    asking.on('connect', (response, socket, head) => {
      if (head.length > 0) socket.unshift(head)
      if (response.statusCode === 200) resolve(socket)
      else {
        socket.destroy()
        reject(new Error(`dial tcp ${address}:${port}: ${response.statusMessage}`))
      }
    })
    asking.on('error', reject)
    asking.end()
  })
}
