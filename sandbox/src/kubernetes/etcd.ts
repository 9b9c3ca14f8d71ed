import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type ConnectionOptions, connect } from 'node:tls'
import { type ClusterPaths, endOfLog, etcdFolder } from './cluster-files.ts'
import type { ClusterRecord } from './cluster-record.ts'
import type { ProcessSpec, ProcessSupervisor } from './process-supervisor.ts'

/** Generous: a slow disk takes seconds to make the first log file. */
const servingTimeoutMs = 120_000
const firstServingTimeoutMs = 15_000
const handshakeTimeoutMs = 2_000
const pollMs = 50

/**
 * Starts a cluster's etcd and returns once it serves. An etcd that is killed while it makes its first log file knows no
 * member afterwards, not even itself: it listens and never serves (seen with 3.6.16). As long as it has never served,
 * nothing can be in it, so it starts over from an empty folder.
 *
 * Throws when it does not serve within two minutes.
 */
export async function startEtcd(
  record: ClusterRecord,
  paths: ClusterPaths,
  spec: ProcessSpec,
  processes: ProcessSupervisor,
): Promise<void> {
  const port = record.ports.etcd
  const [ca, cert, key] = await Promise.all(
    ['etcd-ca.crt', 'etcd-client.crt', 'etcd-client.key'].map(file => readFile(join(paths.pki, file))),
  )
  const options = { host: '127.0.0.1', port, ca, cert, key }
  const deadline = Date.now() + servingTimeoutMs
  while (Date.now() < deadline) {
    await processes.ensure(spec)
    const patience = record.state === 'wanted' ? Date.now() + firstServingTimeoutMs : deadline
    if (await servesBefore(Math.min(patience, deadline), options)) return
    if (record.state !== 'wanted') break
    await processes.stop(spec.name)
    await rm(etcdFolder(paths), { recursive: true, force: true })
  }
  const tail = await endOfLog(spec.logFile)
  throw new Error(`etcd does not serve on port ${port} after ${servingTimeoutMs} ms; its log ends:\n${tail}`)
}

async function servesBefore(deadline: number, options: ConnectionOptions): Promise<boolean> {
  while (Date.now() < deadline) {
    if (await shakesHands(options)) return true
    await delay(pollMs)
  }
  return false
}

/** etcd takes connections before it serves, and leaves them without an answer. */
function shakesHands(options: ConnectionOptions): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ ...options, timeout: handshakeTimeoutMs })
    const end = (serves: boolean) => {
      socket.destroy()
      resolve(serves)
    }
    socket.once('secureConnect', () => end(true))
    socket.once('timeout', () => end(false))
    socket.once('error', () => end(false))
  })
}
