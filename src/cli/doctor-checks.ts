import { statfs } from 'node:fs/promises'
import type { Cloud } from '../clouds/cloud.ts'
import type { Config } from '../config/schema.ts'
import type { Check, Finding } from '../engine/check.ts'
import { MlpError } from '../engine/errors.ts'
import type { EngineContext } from '../engine/step.ts'
import type { ToolReport } from '../tools/toolchain/toolchain.ts'
import { createClouds } from './clouds.ts'

type DoctorCheck = Check<EngineContext>

const gibibyte = 1024 ** 3
/** Engines built from source, and three clusters' data: 4 GiB were measured; below 1 nothing can be built at all. */
const disk = { wanted: 5 * gibibyte, least: gibibyte }

/** Node and the disk. */
export function machineChecks(folder: string): readonly DoctorCheck[] {
  return [
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

function diskFinding(freeBytes: number, folder: string): Finding {
  const detail = `${(freeBytes / gibibyte).toFixed(1)} GiB free at ${folder}`
  if (freeBytes >= disk.wanted) return { status: 'pass', detail }
  return {
    status: freeBytes >= disk.least ? 'warn' : 'fail',
    detail: `${detail}; ${disk.wanted / gibibyte} GiB are advised`,
    remedy: ['Free some space, or run mlp in a folder on another disk.'],
  }
}

/** One check a tool. What is missing is fetched or built when it is needed, so it is a warning and no failure. */
export function toolChecks(reports: readonly ToolReport[]): readonly DoctorCheck[] {
  return reports.map(report => ({
    id: `0.all.${report.tool}`,
    phase: 0,
    cloud: 'all',
    // A pass shows its title only: version and origin belong there.
    title: `${report.tool} ${report.found ?? report.wanted} (${report.origin === 'path' ? 'on PATH' : report.origin})`,
    why: `mlp runs ${report.tool} ${report.wanted}`,
    run: async () => toolFinding(report),
  }))
}

function toolFinding({ wanted, found, origin, path, remedy }: ToolReport): Finding {
  if (origin !== 'missing') return { status: 'pass', detail: path ?? '' }
  const other = found === null ? 'not found' : `found ${found}`
  return { status: 'warn', detail: `${other}; ${wanted} is fetched when it is needed`, remedy }
}

/** Who mlp is in each cloud, and whether that is the account of mlp.yaml. The sandbox brings its own credentials. */
export async function cloudChecks(config: Config): Promise<readonly DoctorCheck[]> {
  if (config.target === 'sandbox') return []
  const target = { name: 'cloud' as const, environment: {}, caFile: undefined, clouds: {} }
  const clouds = await createClouds(config, target, undefined)
  return [...clouds.values()].map(cloud => ({
    id: `0.${cloud.name}.identity`,
    phase: 0,
    cloud: cloud.name,
    title: `${cloud.title} credentials`,
    why: 'without them nothing can be built there',
    run: context => identityFinding(cloud, accountOf(config, cloud), context.signal),
  }))
}

async function identityFinding(
  cloud: Pick<Cloud, 'name' | 'title' | 'identity'>,
  wanted: string,
  signal: AbortSignal,
): Promise<Finding> {
  try {
    const { principal, account, expiresAt } = await cloud.identity(signal)
    const until = expiresAt === null ? '' : `, until ${expiresAt}`
    if (account === wanted) return { status: 'pass', detail: `${principal} in ${account}${until}` }
    return {
      status: 'fail',
      detail: `${principal} is in ${account}, but mlp.yaml says ${wanted}`,
      remedy: [remedies[cloud.name], `Or correct clouds.${cloud.name} in mlp.yaml.`],
    }
  } catch (error) {
    // Refused credentials are an answer; anything else means that the check could not look, which its caller says.
    if (!(error instanceof MlpError) || error.code !== 'MLP3001') throw error
    return {
      status: 'fail',
      detail: [error.message, error.detail].filter(Boolean).join('\n'),
      remedy: [remedies[cloud.name], ...error.remedy],
    }
  }
}

const remedies = {
  aws: 'aws configure sso, then export AWS_PROFILE=<profile>',
  gcp: 'gcloud auth application-default login',
  azure: 'az login, then az account set --subscription <id>',
} as const

function accountOf({ clouds }: Config, { name }: Pick<Cloud, 'name'>): string {
  return (
    { aws: clouds.aws?.accountId, gcp: clouds.gcp?.projectId, azure: clouds.azure?.subscriptionId }[name] ??
    ''
  )
}
