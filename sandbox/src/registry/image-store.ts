import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { stringify } from 'yaml'
import type { ProcessSupervisor } from '../kubernetes/process-supervisor.ts'
import type { ResourceStore } from '../store/resource-store.ts'
import { imagesBelow } from './images.ts'

export const imageStoreProcess = 'emulators/images'
const readyTimeoutMs = 60_000
const pollMs = 50
/** Longer than the pauses within a push: layers come before the manifest that makes a record of them. */
const idleMs = 60_000
const sweepMs = 15_000

export interface ImageStore {
  /** The unix socket of the running registry; starts it first where nothing has needed it yet. */
  socket(): Promise<string>
  /** Somebody looks for an image and will push one: what runs the registry is fetched, or built, in the meantime. */
  prepare(): void
  /** Frees the disk once no image is left, and nothing is being pushed. */
  sweep(now?: number): Promise<void>
  /** Ends the sweeping, not the process. */
  close(): void
}

export interface ImageStoreOptions {
  /** Absolute folder of everything the sandbox keeps. */
  readonly home: string
  readonly socketFolder: string
  readonly program: () => Promise<string>
  readonly processes: ProcessSupervisor
  readonly store: ResourceStore
  /** Notes for `status` what comes up. */
  readonly bringUp: (name: string, start: () => Promise<void>) => Promise<void>
  readonly log: (message: string) => void
}

/**
 * The one OCI registry (CNCF distribution) that holds what is pushed to any cloud's. It listens on a private unix
 * socket; logins, names and tags are the clouds' own, see front.ts.
 */
export function openImageStore(options: ImageStoreOptions): ImageStore {
  const folder = join(options.home, 'emulators', 'images')
  const data = join(folder, 'data')
  const socket = join(options.socketFolder, 'images.sock')
  let usedAt = Date.now()

  async function start(): Promise<void> {
    await mkdir(data, { recursive: true, mode: 0o700 })
    const configuration = join(folder, 'registry.yaml')
    await writeFile(configuration, stringify(registryConfiguration(data, socket)), { mode: 0o600 })
    await options.processes.ensure({
      name: imageStoreProcess,
      file: await options.program(),
      args: ['serve', configuration],
      env: { GOMEMLIMIT: '96MiB', OTEL_TRACES_EXPORTER: 'none' },
      cwd: folder,
      logFile: join(options.home, 'log', 'images.log'),
    })
    const deadline = Date.now() + readyTimeoutMs
    while (!(await answers(socket))) {
      if (Date.now() > deadline) throw new Error(`the image registry does not answer; see log/images.log`)
      await delay(pollMs)
    }
  }

  const isRunning = () => options.processes.pid(imageStoreProcess) !== undefined
  const store: ImageStore = {
    async socket() {
      usedAt = Date.now()
      if (!isRunning() || !(await answers(socket))) await options.bringUp(imageStoreProcess, start)
      return socket
    },
    prepare() {
      // Whoever pushes is told why it failed.
      options.program().catch(() => undefined)
    },
    async sweep(now = Date.now()) {
      if (now - usedAt < idleMs || imagesBelow(options.store, 'aws').length > 0) return
      if (['gcp', 'azure'].some(cloud => imagesBelow(options.store, cloud).length > 0)) return
      const kept = await readdir(data).catch(() => [])
      if (kept.length === 0) return
      options.log('no image is left: the registry ends and its data goes')
      await options.processes.stop(imageStoreProcess)
      await rm(folder, { recursive: true, force: true })
    },
    close: () => clearInterval(sweeping),
  }
  const sweeping = setInterval(
    () => void store.sweep().catch((error: unknown) => options.log(`sweeping images: ${String(error)}`)),
    sweepMs,
  )
  sweeping.unref()
  return store
}

/** https://distribution.github.io/distribution/about/configuration/ */
function registryConfiguration(data: string, socket: string): object {
  return {
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: data },
      maintenance: { uploadpurging: { enabled: true, age: '24h', interval: '24h', dryrun: false } },
    },
    http: { net: 'unix', addr: socket, relativeurls: true },
  }
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise(resolve => {
    const asking = request({ socketPath, path: '/v2/' }, response => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    asking.on('error', () => resolve(false))
    asking.end()
  })
}
