import { writeFile } from 'node:fs/promises'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import type { CloudName } from '../../../clouds/cloud.ts'
import type { Config } from '../../../config/schema.ts'
import { type K6Run, runK6 } from '../../../tools/k6.ts'
import type { PlatformStep } from '../../phase.ts'
import { type CloudBench, openBench, servicePods } from '../bench.ts'
import { type GatewayDoor, withGateway } from '../gateway-door.ts'
import { ask } from '../http.ts'
import { failed, type Outcome, passed, simulated, skipped } from '../outcome.ts'
import { type Numbers, readRecord } from '../record.ts'
import { runTests } from '../run-tests.ts'
import { digitsQuestion, irisQuestion } from '../samples.ts'
import { validationStep } from '../validation-step.ts'
import { type Histogram, quantileMs, readHistogram, since, sum } from './histogram.ts'
import { type Objectives, readObjectives } from './objectives.ts'
import { loadPage } from './page.ts'
import { type LoadPlan, limitIn, type Profile, planLoad, readReplicas } from './plan.ts'

/** What the longest script takes, and some. */
const timeouts: Readonly<Record<Profile, number>> = {
  smoke: 90_000,
  load: 720_000,
  stress: 720_000,
  soak: 2_400_000,
  spike: 420_000,
}
/** k6's own requests against the gateway's count of them. */
const tolerance = 0.01
/** Slower than the last time by this factor, and by this much, is told. */
const regression = { factor: 1.5, ms: 50 }
/** Processes that want a processor, for each that there is: whoever waits for one measures itself. */
const busy = 3

function profileOf(config: Config): Profile {
  return config.validation?.load ?? 'smoke'
}

interface LoadBench extends CloudBench {
  readonly profile: Profile
  readonly before: Numbers | undefined
  run?: Loaded
}

interface Loaded {
  readonly k6: K6Run
  readonly gateway: Histogram
  readonly plan: LoadPlan
  readonly objectives: Objectives
  readonly by: string
}

/** k6 at the platform's own gateway, held to the objectives that its alerts go by. */
export function loadStep(config: Config, cloud: CloudName): PlatformStep {
  const profile = profileOf(config)
  const numbers: { latest?: Numbers } = {}
  return validationStep({
    name: 'load',
    cloud,
    title: `Load: ${profile}`,
    needs: [`7.${cloud}.integration`],
    clouds: () => [cloud],
    of: () => profile,
    numbers: () => numbers.latest,
    async run(context, clients, where, progress) {
      const client = clients.get(cloud)
      const before = await readRecord(client, 'load')
      const bench: LoadBench = {
        ...(await openBench(context, client, cloud, message => progress.report(message))),
        profile,
        before: before?.of === profile ? before.numbers : undefined,
      }
      const tests = [
        {
          name: 'objectives',
          title: `The objectives hold under load (${profile})`,
          deadlineMs: 2 * timeouts[profile] + 60_000,
          run: (bench: LoadBench) => underLoad(bench, where.step),
        },
        {
          name: 'agreement',
          title: 'The gateway has counted what k6 has sent',
          after: ['objectives'],
          run: async ({ run }: LoadBench) =>
            run === undefined ? skipped('there was no load') : agreement(run),
        },
      ]
      const results = await runTests(context, where, tests, bench)
      if (bench.run !== undefined) {
        const { summary } = bench.run.k6
        numbers.latest = {
          requests: summary.requests,
          errorRate: summary.errorRate,
          p95Ms: Math.round(summary.p95Ms * 10) / 10,
        }
      }
      return results
    },
  })
}

async function underLoad(bench: LoadBench, step: string): Promise<Outcome> {
  const first = await loadOnce(bench, step)
  if (first === undefined) return simulated('nothing runs in the gateway’s pods')
  // A machine that cannot keep up with its own work says nothing about the platform; it is asked once more.
  const again = first.k6.breached && isBusy() ? await loadOnce(bench, step) : undefined
  const run = again ?? first
  bench.run = run
  await keep(bench, run)
  const { summary } = run.k6
  const told = `${summary.requests} requests ${run.by}, ${percent(summary.errorRate)} failed, p95 ${ms(summary.p95Ms)}`
  const { errorRate, latencyMs } = run.objectives
  const wanted = `less than ${percent(errorRate)} failed, p95 below ${ms(latencyMs)}`
  if (run.k6.breached) {
    const slowOnly = summary.errorRate < errorRate
    if (slowOnly && isBusy()) return skipped(`this machine is too busy to measure (${load()}): ${told}`)
    return failed(wanted, told)
  }
  const slower = regressed(bench.before, summary.p95Ms)
  if (slower !== undefined)
    bench.context.emit({ type: 'notice', level: 'warning', message: `${bench.cloud}: ${slower}` })
  const compared =
    slower ?? (bench.before === undefined ? 'nothing to compare with' : 'no slower than the last time')
  return passed(`${told} (${wanted}); ${run.plan.why}; ${compared}`)
}

async function loadOnce(bench: LoadBench, step: string): Promise<Loaded | undefined> {
  const { context, client, cloud, key, profile } = bench
  const objectives = await readObjectives(context)
  const replicas = await readReplicas(client)
  return await withGateway(context, client, cloud, async door => {
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(30_000)])
    const probe = await ask(door, { path: '/v1/models', headers: { 'x-api-key': key } }, signal)
    const plan = planLoad(profile, replicas, limitIn(probe.headers['ratelimit-policy']))
    bench.report(`${profile}: ${plan.why}, ${door.by}`)
    const before = await gatewayHistogram(bench)
    const k6 = await sendLoad(bench, step, door, { profile, rate: plan.rate, objectives })
    return { k6, gateway: since(before, await gatewayHistogram(bench)), plan, objectives, by: door.by }
  })
}

interface Load {
  readonly profile: Profile
  readonly rate: number
  readonly objectives: Objectives
}

export async function sendLoad(
  { context, cloud, key }: CloudBench,
  step: string,
  door: GatewayDoor,
  { profile, rate, objectives }: Load,
): Promise<K6Run> {
  const host = door.tls?.host
  return await runK6(context, {
    binary: await context.toolchain.path('k6', context.signal),
    script: join(context.templates, 'load', `${profile}.js`),
    target: {
      origin: host === undefined ? `http://127.0.0.1:${door.port}` : `https://${host}`,
      hosts: host === undefined ? {} : { [host]: `127.0.0.1:${door.port}` },
      certificate: door.tls?.certificate,
    },
    load: {
      cloud,
      rate,
      p95Ms: objectives.latencyMs,
      errorRate: objectives.errorRate,
      iris: irisQuestion,
      digits: digitsQuestion,
    },
    key,
    timeoutMs: timeouts[profile],
    step,
    cloud,
  })
}

/** Of all replicas, each asked at its own pod. */
async function gatewayHistogram({ client, context }: CloudBench): Promise<Histogram> {
  const { pods } = await servicePods(client, 'api-gateway')
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(60_000)])
  const texts = await Promise.all(
    pods.map(pod =>
      client.withPodPort({ namespace: 'ml-platform', pod, port: 8000 }, port =>
        ask({ port }, { path: '/metrics' }, signal),
      ),
    ),
  )
  return sum(texts.map(({ text }) => readHistogram(text)))
}

function agreement({ k6, gateway }: Loaded): Outcome {
  const sent = k6.summary.requests
  const theirs = quantileMs(gateway, 0.95)
  const p95 = `p95 ${ms(k6.summary.p95Ms)} for k6, ${theirs === undefined ? 'none' : ms(theirs)} at the gateway`
  const told = `k6 sent ${sent}, the gateway counted ${gateway.count}; ${p95}`
  const wanted = `as many requests at the gateway as k6 sent (${sent}), within 1 %`
  if (gateway.count < sent * (1 - tolerance)) return failed(wanted, told)
  if (gateway.count > sent * (1 + tolerance)) return skipped(`other clients asked meanwhile: ${told}`)
  return passed(told)
}

function regressed(before: Numbers | undefined, p95Ms: number): string | undefined {
  const then = before?.['p95Ms']
  if (then === undefined || p95Ms <= then * regression.factor || p95Ms <= then + regression.ms)
    return undefined
  return `a regression: p95 ${ms(p95Ms)}, the last time ${ms(then)}`
}

async function keep(bench: LoadBench, { k6, plan, objectives, by }: Loaded): Promise<void> {
  const { context, cloud, profile, before } = bench
  const name = `load-${cloud}-${profile}`
  const folder = context.runFolder ?? context.home
  const { summary, points } = k6
  const rows: readonly (readonly [string, string])[] = [
    ['Result', k6.breached ? 'an objective was missed' : 'the objectives were met'],
    ['Requests', `${summary.requests} ${by}, ${plan.why}`],
    ['Failed', `${percent(summary.errorRate)} (objective: less than ${percent(objectives.errorRate)})`],
    ['95th percentile', `${ms(summary.p95Ms)} (objective: below ${ms(objectives.latencyMs)})`],
    [
      'Last time',
      before === undefined
        ? 'nothing to compare with'
        : `p95 ${before['p95Ms']} ms, ${before['requests']} requests`,
    ],
    ['Compared', regressed(before, summary.p95Ms) ?? 'no regression'],
    ['k6', `${summary.k6}.x`],
  ]
  const title = `${profile} on ${cloud}: ${context.config.project} (${context.config.environment})`
  const document = {
    cloud,
    profile,
    summary,
    objectives,
    plan,
    breached: k6.breached,
    lastTime: before ?? null,
  }
  await Promise.all([
    writeFile(join(folder, `${name}.json`), `${JSON.stringify(document, null, 2)}\n`, {
      mode: 0o600,
    }),
    writeFile(join(folder, `${name}.html`), loadPage({ title, rows, points, p95Ms: objectives.latencyMs }), {
      mode: 0o600,
    }),
  ])
}

function isBusy(): boolean {
  return (loadavg()[0] ?? 0) > busy * availableParallelism()
}

function load(): string {
  return `load ${(loadavg()[0] ?? 0).toFixed(1)} on ${availableParallelism()} processors`
}

function ms(value: number): string {
  return `${Math.round(value)} ms`
}

function percent(share: number): string {
  return `${Math.round(share * 10_000) / 100} %`
}
