import { chmod, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MlpError } from '../../engine/errors.ts'
import { type CommandSpec, type ExecContext, runCommand } from '../exec.ts'
import { billOfLocked } from './bill-of-materials.ts'
import { copyInto } from './copy-into.ts'
import type { Descriptor } from './layer.ts'
import { imageOf } from './layout.ts'
import { baseOf, type ImageName, type Platform } from './service-images.ts'
import { dockerfileOf, filesOf, manifests } from './sources.ts'
import { listTree } from './tree.ts'

export interface DockerBuild {
  readonly packageRoot: string
  readonly platform: Platform
  readonly version: string
  readonly sources: string
  /** Absolute, and the caller's to remove. */
  readonly scratch: string
  readonly report: (message: string) => void
  /** Default 30 min. */
  readonly timeoutMs?: number
}

/** The same whenever and wherever it is built: no time, no account of this one build. */
const reproducible = ['--build-arg', 'SOURCE_DATE_EPOCH=0', '--provenance=false', '--sbom=false'] as const

/** https://docs.docker.com/build/exporters/oci-docker/ */
function layoutAt(folder: string): readonly string[] {
  return ['--output', `type=oci,dest=${folder},tar=false,rewrite-timestamp=true`]
}

/**
 * The service's Dockerfile built by buildx into an OCI layout.
 * https://docs.docker.com/reference/cli/docker/buildx/build/ Throws MLP2204.
 */
export async function buildWithDocker(
  context: ExecContext,
  name: ImageName,
  options: DockerBuild,
  layout: string,
): Promise<{ readonly image: Descriptor; readonly bill: object }> {
  const { packageRoot, platform, version, sources, scratch, report, timeoutMs = 1_800_000 } = options
  report(`${name}: docker builds its Dockerfile`)
  const files = join(scratch, 'docker')
  await copySources(packageRoot, name, files)
  const args = [
    ...['buildx', 'build', '--file', join(files, dockerfileOf(name)), '--platform', platform],
    ...['--build-arg', `VERSION=${version}`, '--build-arg', `SOURCES=${sources}`],
    ...['--label', `org.opencontainers.image.base.name=${await baseOf(packageRoot, name)}`],
    ...reproducible,
    ...layoutAt(layout),
    files,
  ]
  try {
    await runCommand(context, { file: 'docker', args, timeoutMs })
  } catch (error) {
    throw refusedBy(error, `docker did not build the image ${name}`)
  }
  const lock = await readFile(join(packageRoot, 'package-lock.json'), 'utf8')
  return { image: await imageOf(layout), bill: billOfLocked(lock, platform, { name, version }) }
}

/**
 * What an image needs of an engine, on a small one: it reaches both registries and npm's, runs a command, and writes a
 * layout, which Docker's own store can do only where it is containerd's. Throws MLP2204.
 */
export async function tryDocker(
  context: ExecContext,
  { packageRoot, platform, scratch }: Pick<DockerBuild, 'packageRoot' | 'platform' | 'scratch'>,
): Promise<void> {
  const summary = 'docker cannot build images here'
  const dockerfile = await readFile(join(packageRoot, dockerfileOf('api-gateway')), 'utf8')
  const input = [
    ...(dockerfile.match(/^ARG (?:BUILD|BASE)=.*$/gm) ?? []),
    'FROM $BUILD AS asked',
    'RUN npm view fastify name --fetch-retries=0 --fetch-timeout=10000 > /answer',
    'FROM $BASE',
    'COPY --from=asked /answer /answer',
  ].join('\n')
  const build = ['--platform', platform, ...reproducible, ...layoutAt(join(scratch, 'tried')), '-']
  const commands: readonly Pick<CommandSpec, 'args' | 'input' | 'timeoutMs'>[] = [
    { args: ['version', '--format', '{{.Server.Version}}'], timeoutMs: 10_000 },
    { args: ['buildx', 'version'], timeoutMs: 10_000 },
    // As long as it takes to pull the bases, and not as long as a person would wait for nothing.
    { args: ['buildx', 'build', ...build], input: `${input}\n`, timeoutMs: 180_000 },
  ]
  try {
    for (const command of commands) await runCommand(context, { file: 'docker', ...command })
  } catch (error) {
    throw refusedBy(error, summary)
  }
}

/** All that the Dockerfile copies, in the modes that a layer has: those of a checkout are its owner's. */
async function copySources(packageRoot: string, name: ImageName, to: string): Promise<void> {
  for (const path of new Set([...manifests, ...filesOf(packageRoot, name)])) {
    const copy = join(to, path)
    await copyInto(join(packageRoot, path), copy)
    await chmod(copy, ((await stat(copy)).mode & 0o100) === 0 ? 0o644 : 0o755)
  }
  for (const entry of listTree(to)) if (entry.kind === 'folder') await chmod(join(to, entry.path), 0o755)
}

function refusedBy(error: unknown, summary: string): unknown {
  if (!(error instanceof MlpError) || error.code === 'MLP5130') return error
  return new MlpError({
    code: 'MLP2204',
    summary,
    detail: error.detail ?? error.message,
    remedy: [
      'See whether its engine answers, and its builder can write OCI layouts: docker buildx ls',
      'Or build without an engine: MLP_IMAGE_BUILDER=daemonless',
    ],
    command: error.command,
    cause: error,
  })
}
