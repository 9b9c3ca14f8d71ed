import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { MlpError } from '../../src/engine/errors.ts'
import { openAnswers } from './dns/answers.ts'
import { dnsStore } from './dns/dns-store.ts'
import { runHealthChecks } from './dns/health-checks.ts'
import { startNameServer } from './dns/name-server.ts'
import { type EmulatorName, emulatorNames, emulatorProcessName, startEmulator } from './emulators.ts'
import { createFaults, faultSchema } from './faults.ts'
import { openGithub } from './github/github.ts'
import { openHome, type PortName, type SandboxHome, writeAtomically } from './home.ts'
import { answerCloud, startCloudListener } from './http/cloud-listener.ts'
import { startControl } from './http/control.ts'
import { startHostProxy } from './http/host-proxy.ts'
import { openClusterManager } from './kubernetes/cluster-manager.ts'
import { findFreePorts } from './kubernetes/ports.ts'
import { reviewTokenRequest, tokenReviewUrl } from './kubernetes/token-review.ts'
import { takeLock } from './lock.ts'
import { openLog } from './log.ts'
import { openEdge } from './outside/edge.ts'
import { openOutside } from './outside/outside.ts'
import { identify } from './processes/process-identity.ts'
import { openSupervisor } from './processes/supervisor.ts'
import type { Programs } from './programs.ts'
import { setQuotas } from './quotas.ts'
import { openImageStore } from './registry/image-store.ts'
import { openRegistryListener } from './registry/listener.ts'
import { type DataServers, openDataServers } from './servers/data-servers.ts'
import { readOrMake } from './servers/kept-port.ts'
import { serverTypes } from './servers/wanted.ts'
import type { SimulatedCloud } from './simulated-cloud.ts'
import { type PartState, sandboxStatus } from './status.ts'
import { observed } from './store/observed-store.ts'
import { openSqliteStore } from './store/sqlite-store.ts'
import { loadSchemas } from './terraform/schema.ts'
import { startProviderServer } from './terraform/server.ts'
import { obtainableRecipes } from './workloads/recipes/recipes.ts'
import { canRunPods } from './workloads/supported.ts'
import { createWorkloads } from './workloads/workloads.ts'
import type { World } from './world.ts'

export interface DaemonOptions {
  /** Absolute folder of everything the sandbox keeps. */
  readonly home: string
  /** What tells this code from another version's, for clients to compare. */
  readonly code: string
  /** File that is taken away when the sandbox is stopped before this daemon serves it. */
  readonly ticket?: string | undefined
  readonly clouds: readonly SimulatedCloud[]
  readonly programs: Programs
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Called when the sandbox was asked to stop and everything has ended. */
  readonly onStopped: () => void
}

export interface Daemon {
  /** Ends all processes, keeps the data. */
  stop(): Promise<void>
}

const settings = z.object({
  MLP_SANDBOX_TIME_SCALE: z.coerce.number().min(0).max(10).default(0.01),
  MLP_SANDBOX_FAULTS: z
    .string()
    .default('[]')
    .transform(text => JSON.parse(text))
    .pipe(z.array(faultSchema)),
})

const cloudNames = z.enum(['aws', 'gcp', 'azure'])
/** Names of storage accounts that the blob service answers for. */
const blobAccounts = 'blob-accounts'

/**
 * Starts the sandbox, or takes up the one that a crashed daemon left: same ports, same secrets, same world, processes
 * adopted. Undefined when another daemon already serves this home.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon | undefined> {
  const given = settings.parse(options.environment)
  const taken = await takeHome(options)
  if (taken === undefined) return undefined
  const lock = taken
  const home = await openHome(options.home)
  const log = openLog(join(home.folder, 'log', 'daemon.log'))
  const store = observed(openSqliteStore(join(home.folder, 'store.sqlite')), type => {
    if (serverTypes.has(type)) dataServers?.changed()
  })
  const faults = createFaults(given.MLP_SANDBOX_FAULTS)
  const processes = await openSupervisor(join(home.folder, 'processes'), log)
  const starting = new Map<string, PartState>()
  let timeScale = given.MLP_SANDBOX_TIME_SCALE
  let dataServers: DataServers | undefined
  const runsPods = await canRunPods()
  const recipes = runsPods ? await obtainableRecipes(options.programs) : []
  const outside = openOutside({
    socketFolder: home.socketFolder,
    doors: cloud => dataServers?.doors(cloud) ?? [],
    blobAccounts: () => store.listFacts(blobAccounts),
  })

  const workloads = createWorkloads({
    recipes,
    programs: options.programs,
    world: () => world,
    home: home.folder,
    socketFolder: home.socketFolder,
    secrets: home.secrets,
    processes,
    images: () => images,
    outside,
    timeScale: () => timeScale,
    log,
  })
  const clusters = await openClusterManager({
    home: home.folder,
    program: name => options.programs.find(name),
    processes,
    reviewer: key => ({
      url: tokenReviewUrl(`https://127.0.0.1:${home.ports[cloudNames.parse(key.split('/')[0])]}`, key),
      caPem: home.authority.certificatePem,
    }),
    ...(runsPods ? { workloads } : {}),
    log,
  })
  const world: World = {
    store,
    home: home.folder,
    caPem: home.authority.certificatePem,
    caFile: home.caFile,
    endpoints: endpoints(home),
    secrets: home.secrets,
    clusters,
    async ensureBlobAccount(account) {
      store.putFact(blobAccounts, account, true)
      outside.changed()
      await emulator('blob')
    },
    async settled(type) {
      if (serverTypes.has(type)) await dataServers?.settled()
    },
    get timeScale() {
      return timeScale
    },
    log,
  }

  const beginnings = new Map<string, Promise<void>>()
  /** Starts a part unless that is under way, and notes for `status` what has not come up yet, and why not. */
  function bringUp(name: string, start: () => Promise<void>): Promise<void> {
    const begun = beginnings.get(name)
    if (begun !== undefined) return begun
    starting.set(name, { state: 'starting' })
    const beginning = start()
      .then(
        () => void starting.delete(name),
        (error: unknown) => {
          log(
            `${name} does not start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
          )
          starting.set(name, { state: 'failed', why: explain(error) })
          throw error
        },
      )
      .finally(() => beginnings.delete(name))
    beginnings.set(name, beginning)
    return beginning
  }
  const emulator = (name: EmulatorName) =>
    bringUp(emulatorProcessName(name), () => startEmulator(name, home, options.programs, processes))
  const images = openImageStore({
    home: home.folder,
    socketFolder: home.socketFolder,
    program: () => options.programs.find('registry'),
    processes,
    store,
    bringUp,
    log,
  })
  const registries = openRegistryListener(world, home.authority, images)
  dataServers = await openDataServers({
    home: home.folder,
    socketFolder: home.socketFolder,
    authority: home.authority,
    world,
    processes,
    path: options.environment['PATH'],
    bringUp,
    onDoors: () => outside.changed(),
  })
  const names = dnsStore(store)
  const lookup = openAnswers(names, outside.balancers.addressOf)
  const namePort = await readOrMake(join(home.folder, 'name-server-port.json'), async () => {
    const [free] = await findFreePorts(1, new Set(Object.values(home.ports)))
    if (free === undefined) throw new Error('no port is free for the name server')
    return free
  })
  const nameServer = await startNameServer(namePort, lookup)
  const healthChecking = new AbortController()
  runHealthChecks(
    {
      store: names,
      lookup,
      dial: outside.balancers.find,
      timeScale: () => timeScale,
      log,
    },
    healthChecking.signal,
  )
  /** All parts side by side; those that run already stay as they are. Failures are noted, see `status`. */
  function bringUpAll(): void {
    for (const name of emulatorNames) emulator(name).catch(() => undefined)
    bringUp('clusters', () => clusters.resume()).catch(() => undefined)
    dataServers?.changed()
  }

  const reviewToken: Parameters<typeof startCloudListener>[0]['reviewToken'] = (request, response) =>
    reviewTokenRequest(request, response, world, options.clouds, key => clusters.webhookToken(key))
  const servers: Server[] = []
  for (const cloud of options.clouds) {
    const listener = {
      cloud,
      port: home.ports[cloud.name],
      certificate: home.server,
      world,
      faults,
      reviewToken,
    }
    servers.push(await startCloudListener(listener))
  }
  const edge = await openEdge({
    socket: outside.edgeSocket,
    authority: home.authority,
    world,
    hasBlobAccount: name => store.getFact(blobAccounts, name) === true,
    answerRegistry: registries.handle,
    async answerCloud(name, request, response) {
      const cloud = options.clouds.find(one => one.name === name)
      if (cloud === undefined) response.writeHead(421).end()
      else await answerCloud(request, response, { cloud, world, faults })
    },
  })
  const github = await openGithub({
    world,
    port: home.ports.github,
    certificate: home.server,
    authority: home.authority,
    toolEnvironment: () => toolEnvironment,
  })
  servers.push(github.server)
  servers.push(
    await startHostProxy({
      port: home.ports.proxy,
      blobPort: home.ports.blob,
      hasAccount: name => store.getFact(blobAccounts, name) === true,
      acceptRegistry: registries.accept,
      acceptGithub: github.accept,
      balancer: outside.balancers.find,
    }),
  )
  const providers = await Promise.all(
    options.clouds.map(async cloud => {
      const socket = join(home.socketFolder, `${cloud.name}.sock`)
      await rm(socket, { force: true })
      const schemas = await loadSchemas(cloud.provider, cloud.providerVersion, {
        resources: cloud.behaviours.map(behaviour => behaviour.type),
        dataSources: cloud.dataSources.map(behaviour => behaviour.type),
      })
      return startProviderServer({ cloud, schemas, world, faults }, socket)
    }),
  )
  const terraformConfiguration = join(home.folder, 'terraform.rc')
  await writeFile(terraformConfiguration, '', { mode: 0o600 })
  const toolEnvironment = {
    TF_REATTACH_PROVIDERS: JSON.stringify(Object.assign({}, ...providers.map(provider => provider.reattach))),
    TF_CLI_CONFIG_FILE: terraformConfiguration,
    CHECKPOINT_DISABLE: '1',
    // A machine's own values for these would win over the sandbox's authority.
    SSL_CERT_FILE: home.caFile,
    AWS_CA_BUNDLE: home.caFile,
    REQUESTS_CA_BUNDLE: home.caFile,
    CURL_CA_BUNDLE: home.caFile,
    // Charts for where the official ones cannot be had.
    MLP_STAND_IN_CHARTS: fileURLToPath(new URL('../charts', import.meta.url)),
    NO_PROXY: '127.0.0.1,localhost',
    no_proxy: '127.0.0.1,localhost',
  }
  const startedAt = new Date().toISOString()

  /** With `processes: 'left'` they go on for the next daemon to adopt. */
  async function end(what: { readonly processes: 'ended' | 'left' }): Promise<void> {
    await github.close()
    for (const server of servers) {
      server.close()
      server.closeAllConnections()
    }
    control.close()
    edge.close()
    healthChecking.abort()
    nameServer.close()
    outside.close()
    dataServers?.close()
    images.close()
    for (const provider of providers) await provider[Symbol.asyncDispose]()
    clusters.detach()
    if (what.processes === 'ended') {
      await clusters.stop()
      await processes.stopAll()
    }
    processes.detach()
    store[Symbol.dispose]()
    await rm(join(home.folder, 'daemon.json'), { force: true })
    // Who was given the sockets' addresses keeps them when the next daemon takes over.
    if (what.processes === 'ended') await rm(home.socketFolder, { recursive: true, force: true })
    log(what.processes === 'ended' ? 'stopped' : 'handed over')
    lock[Symbol.dispose]()
  }
  let ending: Promise<void> | undefined
  const endOnce: typeof end = what => {
    ending ??= end(what)
    return ending
  }

  // Before anybody can ask: a status without parts that are starting means that all are up.
  bringUpAll()
  const controlSocket = join(home.socketFolder, 'control.sock')
  const control = await startControl(controlSocket, {
    faults,
    status: () =>
      sandboxStatus({
        home: home,
        startedAt,
        timeScale,
        clouds: options.clouds,
        store,
        processes,
        clusters,
        starting,
        programs: options.programs,
        faults,
        runsPods,
        recipes,
        github: github.describe(),
        dataServers: dataServers?.describe() ?? { real: [], missing: [] },
      }),
    target: () => ({
      name: 'sandbox',
      environment: toolEnvironment,
      caFile: home.caFile,
      github: github.target(),
      clouds: Object.fromEntries(
        options.clouds.map(cloud => {
          const target = cloud.target(world)
          // The internet's DNS knows none of the sandbox's names.
          const environment = { ...target.environment, MLP_NAME_SERVER: `127.0.0.1:${namePort}` }
          return [cloud.name, { ...target, environment }]
        }),
      ),
    }),
    commandLineEnvironment: () => ({
      ...toolEnvironment,
      ...github.environment(),
      ...Object.fromEntries(
        options.clouds
          .flatMap(cloud => Object.entries(cloud.commandLineEnvironment(world)))
          .map(([name, value]) => [name, value ?? null]),
      ),
    }),
    start: bringUpAll,
    setQuotas: quotas => setQuotas(store, quotas),
    issueGithubToken: github.issueToken,
    runGithubSchedules: github.runSchedules,
    setTimeScale(scale) {
      timeScale = scale
    },
    stop() {
      setImmediate(() => void endOnce({ processes: 'ended' }).then(options.onStopped))
    },
    handOver() {
      if (providers.some(provider => provider.connections() > 0) || github.busy()) return false
      setImmediate(() => void endOnce({ processes: 'left' }).then(options.onStopped))
      return true
    },
  })
  await writeAtomically(
    join(home.folder, 'daemon.json'),
    JSON.stringify({ ...(await identify(process.pid)), socket: controlSocket, code: options.code }),
  )
  log(`daemon ${process.pid} serves ${home.folder}`)

  return { stop: () => endOnce({ processes: 'ended' }) }
}

/** The home's lock; undefined when another daemon holds it, or the sandbox was stopped since this one was started. */
async function takeHome({ home, ticket }: DaemonOptions): Promise<Disposable | undefined> {
  if (ticket === undefined) await mkdir(home, { recursive: true, mode: 0o700 })
  else if (!existsSync(ticket)) return undefined
  const lock = takeLock(join(home, 'daemon.lock'))
  if (lock === undefined || ticket === undefined) return lock
  // Only now nobody else can take it away.
  if (existsSync(ticket)) {
    await rm(ticket)
    return lock
  }
  lock[Symbol.dispose]()
  return undefined
}

function explain(error: unknown): string {
  if (!(error instanceof MlpError)) return error instanceof Error ? error.message : String(error)
  return [error.message, error.detail, ...error.remedy].filter(line => line !== undefined).join('\n')
}

function endpoints(home: SandboxHome): World['endpoints'] {
  const at = (scheme: 'http' | 'https', name: PortName) => `${scheme}://127.0.0.1:${home.ports[name]}`
  return {
    aws: at('https', 'aws'),
    gcp: at('https', 'gcp'),
    azure: at('https', 'azure'),
    s3: at('http', 's3'),
    gcs: at('http', 'gcs'),
    blob: at('https', 'blob'),
    proxy: at('http', 'proxy'),
  }
}
