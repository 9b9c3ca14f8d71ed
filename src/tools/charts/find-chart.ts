import { createHash } from 'node:crypto'
import { readdir, readFile, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import * as z from 'zod'
import { makeFolder } from '../../engine/atomic-file.ts'
import { MlpError } from '../../engine/errors.ts'
import { toolsCacheFolder } from '../toolchain/cache.ts'
import { download } from '../toolchain/download.ts'
import type { ChartName, ChartPin } from './pinned-charts.ts'

/** Where a chart is wanted from; without a source, from its official repository. */
export type ChartSource =
  | { readonly kind: 'official' }
  /** A folder on the web that holds the very archive that the official repository has. */
  | { readonly kind: 'mirror'; readonly url: string }
  /** An archive, or an unpacked chart, on this machine: whatever it is, it is what the operator wants. */
  | { readonly kind: 'path'; readonly path: string }

export interface FoundChart {
  readonly path: string
  /** `official`: the pinned archive, checked; `local`: the operator's own; `stand-in`: what the target has in its place. */
  readonly origin: 'official' | 'local' | 'stand-in'
  readonly version: string
  /** Of the archive, or of all files of a folder. */
  readonly digest: string
}

export interface FindChartOptions {
  readonly chart: ChartName
  readonly pin: ChartPin
  readonly source: ChartSource
  /** Of the target: a folder of charts that stand in for those whose official repository cannot be reached. */
  readonly standIns: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  readonly report: (message: string) => void
}

/** Where something stands in for the chart, nobody waits long for a repository. */
const silenceMs = { withStandIn: 5_000, without: 30_000 } as const
const chartFile = z.looseObject({ version: z.string() })

/** Throws MLP2303 when the chart cannot be had, MLP2013 when an archive is not the pinned one. */
export async function findChart(options: FindChartOptions): Promise<FoundChart> {
  const { pin, source, chart } = options
  if (source.kind === 'path') return await localChart(source.path, 'local')
  const archive = `${chart}-${pin.version}.tgz`
  const url = source.kind === 'mirror' ? `${source.url.replace(/\/+$/, '')}/${archive}` : pin.url
  const folder = join(dirname(toolsCacheFolder(options.environment)), 'charts')
  const cached = join(folder, `${chart}-${pin.version}-${pin.sha256.slice(0, 16)}.tgz`)
  const official = { path: cached, origin: 'official', version: pin.version, digest: pin.sha256 } as const
  if ((await digestOf(cached)) === pin.sha256) return official
  try {
    await makeFolder(folder)
    const whole = `${cached}.${process.pid}`
    await download({ url, sha256: pin.sha256 }, whole, {
      folder,
      signal: options.signal,
      silenceMs:
        options.standIns === undefined || source.kind === 'mirror'
          ? silenceMs.without
          : silenceMs.withStandIn,
      onProgress: options.report,
    })
    await rename(whole, cached)
    return official
  } catch (error) {
    if (!(error instanceof MlpError) || error.code !== 'MLP2012') throw error
    // Who named a mirror wants what is there, or to know that it is down.
    if (options.standIns !== undefined && source.kind === 'official')
      return await localChart(join(options.standIns, chart), 'stand-in')
    throw new MlpError({
      code: 'MLP2303',
      summary: `The chart ${chart} ${pin.version} cannot be had from ${new URL(url).host}`,
      detail: error.detail,
      remedy: [
        `See whether this machine reaches it: curl -fIL ${url}`,
        'Or name a mirror or a path: `monitoring.chart` in mlp.yaml, or MLP_CHART_SOURCE.',
      ],
      cause: error,
    })
  }
}

async function localChart(path: string, origin: 'local' | 'stand-in'): Promise<FoundChart> {
  const digest = await digestOf(path)
  if (digest === undefined) {
    throw new MlpError({
      code: 'MLP2303',
      summary: `${path} holds no chart`,
      detail: 'It is neither an archive nor a folder with a Chart.yaml.',
      remedy: ['Name an archive (.tgz) or an unpacked chart, or leave the source out.'],
    })
  }
  return { path, origin, version: await versionOf(path), digest }
}

async function versionOf(path: string): Promise<string> {
  const named = /-(\d+\.\d+\.\d+[^/]*)\.tgz$/.exec(path)?.[1]
  if (named !== undefined) return named
  if (path.endsWith('.tgz')) return 'unknown'
  const parsed = chartFile.safeParse(parse(await readFile(join(path, 'Chart.yaml'), 'utf8')))
  return parsed.success ? parsed.data.version : 'unknown'
}

/** Undefined where there is neither an archive nor a chart. */
async function digestOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return undefined
  if (!found.isDirectory())
    return createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
  const hash = createHash('sha256')
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  if (!files.includes(join(path, 'Chart.yaml'))) return undefined
  for (const file of files.sort())
    hash
      .update(file.slice(path.length))
      .update('\0')
      .update(await readFile(file))
  return hash.digest('hex')
}
