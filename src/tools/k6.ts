import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import * as z from 'zod'
import { MlpError } from '../engine/errors.ts'
import { parseJson } from '../engine/json.ts'
import { type ExecContext, runCommand } from './exec.ts'

interface LoadTarget {
  /** `https://host` or `http://127.0.0.1:port`; always reached by a port of this machine. */
  readonly origin: string
  /** What the origin's name stands for: `127.0.0.1:port`. */
  readonly hosts: Readonly<Record<string, string>>
  /** PEM: whom to trust beside the system's authorities. */
  readonly certificate: string | undefined
}

export interface K6Options {
  readonly binary: string
  readonly script: string
  readonly target: LoadTarget
  /** What the script reads of MLP_LOAD beside the target. */
  readonly load: Readonly<Record<string, unknown>>
  readonly key: string
  readonly timeoutMs: number
  /** Variables of k6's own, over all others. */
  readonly environment?: Readonly<Record<string, string>>
  readonly step?: string
  readonly cloud?: string
}

export interface Point {
  /** Milliseconds since the first request ended. */
  readonly atMs: number
  readonly durationMs: number
  readonly ok: boolean
}

export interface K6Run {
  /** A threshold was crossed; k6 ended early if it was one to abort on. */
  readonly breached: boolean
  readonly summary: LoadSummary
  /** One a request. */
  readonly points: readonly Point[]
}

export interface LoadSummary {
  readonly requests: number
  /** From 0 to 1. */
  readonly errorRate: number
  readonly p95Ms: number
  readonly averageMs: number
  readonly k6: '1' | '2'
}

/** k6's own exit code for it. */
const thresholdsCrossed = 99
const loopback = /^127\.0\.0\.1(:\d+)?$/

/**
 * Runs a load script. It is refused (MLP5262) unless it goes to a port of this machine, which leads to the platform's own
 * gateway; no proxy is told of, so that nothing else is reached. Tells nobody of the run.
 */
export async function runK6(context: ExecContext, options: K6Options): Promise<K6Run> {
  refuseOthers(options.target)
  const { target } = options
  const folder = await mkdtemp(join(tmpdir(), 'mlp-k6-'))
  try {
    const [summaryFile, pointsFile, authorities] = ['summary.json', 'points.json', 'ca.pem'].map(name =>
      join(folder, name),
    ) as [string, string, string]
    if (target.certificate !== undefined) await writeFile(authorities, target.certificate, { mode: 0o600 })
    const { exitCode } = await runCommand(context, {
      file: options.binary,
      args: [
        'run',
        '--quiet',
        '--no-usage-report',
        // Two at once do not want the same port for their own API.
        ...['--address', '127.0.0.1:0'],
        ...['--out', `json=${pointsFile}`],
        options.script,
      ],
      env: {
        ...Object.fromEntries(proxies.map(name => [name, undefined])),
        ...(target.certificate === undefined ? {} : { SSL_CERT_FILE: authorities }),
        NO_COLOR: '1',
        // Scripts of ours need no extension, and none is to be looked for.
        K6_AUTO_EXTENSION_RESOLUTION: 'false',
        MLP_LOAD: JSON.stringify({ ...options.load, origin: target.origin, hosts: target.hosts }),
        MLP_KEY: options.key,
        MLP_SUMMARY: summaryFile,
        ...options.environment,
      },
      secrets: [options.key],
      acceptExitCodes: [0, thresholdsCrossed],
      timeoutMs: options.timeoutMs,
      ...(options.step === undefined ? {} : { step: options.step }),
      ...(options.cloud === undefined ? {} : { cloud: options.cloud }),
    })
    const text = await readFile(summaryFile, 'utf8').catch(() => '')
    const summary = parseSummary(text)
    if (summary === undefined) {
      throw new MlpError({
        code: 'MLP2220',
        summary: 'k6 ended without a summary that mlp understands',
        detail: text.slice(0, 500),
        remedy: ['Take the k6 that mlp brings (none of another version on PATH): mlp doctor'],
      })
    }
    return { breached: exitCode === thresholdsCrossed, summary, points: await readPoints(pointsFile) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy']

function refuseOthers({ origin, hosts }: LoadTarget): void {
  const url = URL.canParse(origin) ? new URL(origin) : undefined
  const ends = url === undefined ? undefined : (hosts[url.hostname] ?? url.host)
  const others = Object.values(hosts).filter(address => !loopback.test(address))
  if (ends !== undefined && loopback.test(ends) && others.length === 0) return
  throw new MlpError({
    code: 'MLP5262',
    summary: `${origin} is not a way to the platform’s own gateway`,
    remedy: [],
  })
}

const valuesSchema = z.looseObject({
  count: z.number().optional(),
  rate: z.number().optional(),
  avg: z.number().optional(),
  'p(95)': z.number().optional(),
  /** So in what `handleSummary` is given of the second form. */
  p95: z.number().optional(),
})
/** What `handleSummary` is given by k6 1.x. */
const firstSchema = z.looseObject({ metrics: z.record(z.string(), z.looseObject({ values: valuesSchema })) })
/** By k6 2.x, and by 1.x with K6_NEW_MACHINE_READABLE_SUMMARY. */
const secondSchema = z.looseObject({
  results: z.looseObject({
    metrics: z.array(z.looseObject({ name: z.string(), values: valuesSchema.nullish() })),
  }),
})

/** The totals of either form of k6's summary; undefined for what is neither. */
export function parseSummary(text: string): LoadSummary | undefined {
  const json = parseJson(text)
  const second = secondSchema.safeParse(json).data
  if (second !== undefined) {
    const found = new Map(second.results.metrics.map(({ name, values }) => [name, values ?? {}]))
    return summaryOf(name => found.get(name), '2')
  }
  const first = firstSchema.safeParse(json).data
  return first === undefined ? undefined : summaryOf(name => first.metrics[name]?.values, '1')
}

function summaryOf(
  values: (name: string) => z.output<typeof valuesSchema> | undefined,
  k6: LoadSummary['k6'],
): LoadSummary {
  const duration = values('http_req_duration')
  return {
    requests: values('http_reqs')?.count ?? 0,
    errorRate: values('http_req_failed')?.rate ?? 0,
    p95Ms: duration?.['p(95)'] ?? duration?.p95 ?? 0,
    averageMs: duration?.avg ?? 0,
    k6,
  }
}

const pointSchema = z.looseObject({
  metric: z.literal('http_req_duration'),
  data: z.looseObject({
    time: z.string(),
    value: z.number(),
    tags: z.looseObject({ status: z.string().default('0') }).prefault({}),
  }),
})

/** k6 writes a line for each value of each metric, in the same form in 1.x and 2.x. */
async function readPoints(file: string): Promise<readonly Point[]> {
  const found: { readonly at: number; readonly durationMs: number; readonly ok: boolean }[] = []
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })
  for await (const line of lines) {
    if (!line.includes('"http_req_duration"') || !line.includes('"Point"')) continue
    const point = pointSchema.safeParse(parseJson(line)).data
    if (point === undefined) continue
    const { time, value, tags } = point.data
    found.push({ at: Date.parse(time), durationMs: value, ok: tags.status === '200' })
  }
  const begun = Math.min(...found.map(({ at }) => at))
  return found.map(({ at, ...point }) => ({ ...point, atMs: at - begun })).sort((a, b) => a.atMs - b.atMs)
}
