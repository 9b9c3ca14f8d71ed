import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { systemPath } from './network/private-network.ts'

/** What running a pod needs of the system: tried for real, since kernels and containers forbid parts of it. */
const trial = `
mount -t tmpfs tmpfs /run
mkdir /run/netns
ip netns add trial
ip link add trial type veth peer name eth0 netns trial
echo 1 > /proc/sys/net/ipv4/ip_forward
exec unshare --pid --uts --ipc --mount /bin/sh -c 'unshare --user --map-user=65532 --map-group=65532 /bin/true; exit $?'`

/** Whether this machine lets the sandbox run pods as processes; without that kwok plays them all. */
export async function canRunPods(): Promise<boolean> {
  return await succeedsInNamespaces(trial)
}

/** Whether a script ends well as root of namespaces of its own: users, network, mounts. */
export async function succeedsInNamespaces(script: string): Promise<boolean> {
  if (process.platform !== 'linux') return false
  const args = ['--user', '--map-root-user', '--net', '--mount', '/bin/sh', '-ec', script]
  return promisify(execFile)('/usr/bin/unshare', args, { env: { PATH: systemPath }, timeout: 10_000 }).then(
    () => true,
    () => false,
  )
}
