import { statfs } from 'node:fs/promises'
import type { Target } from '../clouds/target.ts'
import type { Config } from '../config/schema.ts'
import type { Check, CheckId, Finding } from '../engine/check.ts'
import { MlpError } from '../engine/errors.ts'
import type { GateAnswer } from '../engine/gates.ts'
import type { EngineContext } from '../engine/step.ts'
import { phases } from '../phases/index.ts'
import { findRedisServer } from '../tools/toolchain/redis-server.ts'
import type { ToolReport } from '../tools/toolchain/toolchain.ts'
import { createClouds } from './clouds.ts'
import { askCredentials } from './gates/credentials.ts'
import { expectedMinutes } from './gates/gates.ts'
import { askQuotas } from './gates/quota.ts'

type DoctorCheck = Check<EngineContext>

const gibibyte = 1024 ** 3
/** Engines built from source, and three clusters' data: 4 GiB were measured; below 1 nothing can be built at all. */
const disk = { wanted: 5 * gibibyte, least: gibibyte }

/** Node and the disk; for the sandbox, also what only the machine can bring. */
export function machineChecks(
  folder: string,
  target: Config['target'],
  path: string | undefined,
): readonly DoctorCheck[] {
  return [
    ...(target === 'sandbox' ? [sandboxCacheCheck(path)] : []),
    {
      id: '0.all.node',
      phase: 0,
      cloud: 'all',
      title: `Node ${process.version}`,
      why: 'mlp uses what Node 22.19 brought',
      // bin/mlp.js refuses an older one, so this only tells which it is.
      run: async () => ({ status: 'pass', detail: process.execPath }),
    },
    {
      id: '0.all.disk-space',
      phase: 0,
      cloud: 'all',
      title: 'Disk space',
      why: 'a full disk stops a run in the middle',
      async run() {
        const { bavail, bsize } = await statfs(folder)
        return diskFinding(bavail * bsize, folder)
      },
    },
  ]
}

/** Everything else of the sandbox comes with mlp; a Redis server is in no registry that it takes programs from. */
function sandboxCacheCheck(path: string | undefined): DoctorCheck {
  return {
    id: '0.all.redis',
    phase: 0,
    cloud: 'all',
    title: 'Redis for the sandbox',
    why: 'the sandbox’s caches are real where the machine has a Redis server',
    async run() {
      const found = await findRedisServer(path)
      if (found !== undefined) return { status: 'pass', detail: found }
      return {
        status: 'warn',
        detail: 'not installed: caches of the sandbox are records, nothing answers on their ports',
        remedy: ['Debian, Ubuntu: apt-get install redis-server'],
      }
    },
  }
}

function diskFinding(freeBytes: number, folder: string): Finding {
  const detail = `${(freeBytes / gibibyte).toFixed(1)} GiB free at ${folder}`
  if (freeBytes >= disk.wanted) return { status: 'pass', detail }
  return {
    status: freeBytes >= disk.least ? 'warn' : 'fail',
    detail: `${detail}; ${disk.wanted / gibibyte} GiB are advised`,
    remedy: ['Free some space, or run mlp in a folder on another disk.'],
  }
}

/** One check a tool. Nothing is wrong with a missing one that mlp gets by itself when it is needed. */
export function toolChecks(
  reports: readonly ToolReport[],
  goVersion: string | undefined,
): readonly DoctorCheck[] {
  return [
    {
      id: '0.all.go',
      phase: 0,
      cloud: 'all',
      title: goVersion === undefined ? 'Go' : `Go ${goVersion} (on PATH)`,
      why: 'what cannot be downloaded is built from source',
      run: async () => goFinding(reports, goVersion),
    },
    ...reports.map(
      (report): DoctorCheck => ({
        id: `0.all.${report.tool}`,
        phase: 0,
        cloud: 'all',
        // A pass shows its title only: version and origin belong there.
        title: `${report.tool} ${report.origin === 'path' ? report.found : report.wanted} (${whereFrom(report)})`,
        why: `mlp runs ${report.tool} ${report.wanted}`,
        run: async () => toolFinding(report, goVersion),
      }),
    ),
  ]
}

function whereFrom({ origin, ways, found }: ToolReport): string {
  if (origin !== 'missing') return origin === 'path' ? 'on PATH' : origin
  const verbs = ways.map(way => (way === 'download' ? 'downloaded' : 'built'))
  const onPath = found === null ? 'not here yet' : `PATH has ${found}`
  return verbs.length === 0 ? onPath : `${onPath}; ${verbs.join(' or ')} when it is needed`
}

function toolFinding(
  { origin, path, ways, accepted, remedy }: ToolReport,
  goVersion: string | undefined,
): Finding {
  if (origin !== 'missing') return { status: 'pass', detail: path ?? '' }
  if (ways.includes('download') || (ways.includes('build') && goVersion !== undefined)) {
    return { status: 'pass', detail: 'mlp gets it by itself' }
  }
  const detail =
    ways.length === 0 ? `none ${accepted} on PATH, and mlp cannot get it` : 'to build it, Go is needed'
  return { status: 'warn', detail, remedy }
}

function goFinding(reports: readonly ToolReport[], goVersion: string | undefined): Finding {
  if (goVersion !== undefined) return { status: 'pass', detail: '' }
  const built = reports.filter(({ origin, ways }) => origin === 'missing' && ways.join() === 'build')
  if (built.length === 0) return { status: 'pass', detail: 'not on PATH, and nothing needs it' }
  return {
    status: 'warn',
    detail: `not on PATH, and needed to build ${built.map(({ tool }) => tool).join(', ')}`,
    remedy: ['Install Go 1.25 or newer: https://go.dev/doc/install'],
  }
}

/** The gates that a bootstrap will ask of each cloud: who mlp is there, and what the account has room for. */
export async function cloudChecks(config: Config, target: Target): Promise<readonly DoctorCheck[]> {
  const clouds = await createClouds(config, target, undefined)
  const minutes = expectedMinutes(phases)
  return [...clouds.values()].flatMap((cloud): readonly DoctorCheck[] => {
    const identity: CheckId = `0.${cloud.name}.identity`
    const common = { phase: 0, cloud: cloud.name }
    return [
      {
        ...common,
        id: identity,
        title: `${cloud.title} credentials`,
        why: 'without them nothing can be built there',
        run: ({ signal }) => findingOf(askCredentials(cloud, config, minutes, signal)),
      },
      {
        ...common,
        id: `0.${cloud.name}.quotas`,
        title: `${cloud.title} quotas`,
        why: 'a quota that is used up stops a run in the middle',
        after: [identity],
        run: ({ signal }) => findingOf(askQuotas(cloud, config, phases, signal)),
      },
    ]
  })
}

const statuses = { passed: 'pass', warned: 'warn', refused: 'fail' } as const

async function findingOf(asked: Promise<GateAnswer>): Promise<Finding> {
  try {
    const answer = await asked
    const remedy = answer.outcome === 'refused' ? answer.remedy : []
    return { status: statuses[answer.outcome], detail: answer.detail, remedy }
  } catch (error) {
    // Refused credentials are an answer; anything else means that the check could not look, which its caller says.
    if (!(error instanceof MlpError) || error.code !== 'MLP3001') throw error
    const detail = [error.message, error.detail].filter(Boolean).join('\n')
    return { status: 'fail', detail, remedy: error.remedy }
  }
}
