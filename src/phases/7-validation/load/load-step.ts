import { writeFile } from 'node:fs/promises'
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
import { atLeast } from './chance.ts'
import { type Histogram, quantileMs, readHistogram, since, sum } from './histogram.ts'
import { cannotMeasure, describeUse, type MachineUse, watchMachine } from './machine.ts'
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
/** How rarely as many failures come by chance where the objective is just kept: rarer than this is no chance. */
const byChance = 0.01

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
  readonly machine: MachineUse
  /** Undefined where a pod of the gateway went meanwhile, and its count with it. */
  readonly gateway: Histogram | undefined
  readonly plan: LoadPlan
  readonly objectives: Objectives
  readonly by: string
}

/** k6 at the platform's own gateway, held to the objectives that its alerts go by. */
export function loadStep(config: Config, cloud: CloudName): PlatformStep {
  const profile = profileOf(config)
  const numbers: { latest?: Numbers } = {}
  const step = validationStep({
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
  // One at a time: two loads from one machine measure each other.
  return { ...step, limits: ['load'] }
}

async function underLoad(bench: LoadBench, step: string): Promise<Outcome> {
  const first = await loadOnce(bench, step)
  if (first === undefined) return simulated('nothing runs in the gateway’s pods')
  const again = isDoubtful(first) ? await loadOnce(bench, step) : undefined
  const run = again ?? first
  bench.run = run
  await keep(bench, run)
  const { errorRate, latencyMs } = run.objectives
  const wanted = `less than ${percent(errorRate)} failed, p95 below ${ms(latencyMs)}`
  const before = again === undefined ? '' : `; a first time ${toldOf(first)}`
  const told = `${toldOf(run)}${before}`
  if (run.k6.breached) {
    const busy = cannotMeasure(run.machine) ? `; this machine: ${describeUse(run.machine)}` : ''
    if (run.k6.summary.errorRate < errorRate && busy !== '')
      return skipped(`latency cannot be measured from here${busy}: ${told}`)
    return failed(wanted, `${told}${busy}`)
  }
  const { p95Ms } = run.k6.summary
  const slower = cannotMeasure(run.machine) ? undefined : regressed(bench.before, p95Ms)
  if (slower !== undefined)
    bench.context.emit({ type: 'notice', level: 'warning', message: `${bench.cloud}: ${slower}` })
  const compared =
    slower ?? (bench.before === undefined ? 'nothing to compare with' : 'no slower than the last time')
  return passed(`${told} (${wanted}); ${run.plan.why}; ${compared}`)
}

/**
 * A breach that says little about the platform: of a machine that could not keep up with its own work, or of so few
 * failures that they come by chance where the objective is kept. It is tried once more, and that counts.
 */
function isDoubtful({ k6, machine, objectives }: Loaded): boolean {
  if (!k6.breached) return false
  if (cannotMeasure(machine)) return true
  const { requests, errorRate } = k6.summary
  const failures = Math.round(errorRate * requests)
  return failures > 0 && atLeast(failures, requests, objectives.errorRate) > byChance
}

function toldOf({ k6: { summary }, by }: Loaded): string {
  return `${summary.requests} requests ${by}, ${percent(summary.errorRate)} failed, p95 ${ms(summary.p95Ms)}`
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
    const before = await gatewayHistograms(bench)
    const machineUse = watchMachine()
    const k6 = await sendLoad(bench, step, door, { profile, rate: plan.rate, objectives })
    const machine = machineUse()
    const after = await gatewayHistograms(bench)
    const stayed = [...before.keys()].every(pod => after.has(pod))
    const gateway = stayed ? since(sum([...before.values()]), sum([...after.values()])) : undefined
    return { k6, machine, gateway, plan, objectives, by: door.by }
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
async function gatewayHistograms({ client, context }: CloudBench): Promise<ReadonlyMap<string, Histogram>> {
  const { pods } = await servicePods(client, 'api-gateway')
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(60_000)])
  const found = await Promise.all(
    pods.map(pod =>
      client.withPodPort({ namespace: 'ml-platform', pod, port: 8000 }, async port => {
        const { text } = await ask({ port }, { path: '/metrics' }, signal)
        return [pod, readHistogram(text)] as const
      }),
    ),
  )
  return new Map(found)
}

function agreement({ k6, gateway }: Loaded): Outcome {
  if (gateway === undefined) return skipped('a pod of the gateway went meanwhile, and its count with it')
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

async function keep(bench: LoadBench, { k6, machine, plan, objectives, by }: Loaded): Promise<void> {
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
    ['This machine', describeUse(machine)],
    ['k6', `${summary.k6}.x`],
  ]
  const title = `${profile} on ${cloud}: ${context.config.project} (${context.config.environment})`
  const document = {
    cloud,
    profile,
    summary,
    objectives,
    machine,
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

function ms(value: number): string {
  return `${Math.round(value)} ms`
}

function percent(share: number): string {
  return `${Math.round(share * 10_000) / 100} %`
}
