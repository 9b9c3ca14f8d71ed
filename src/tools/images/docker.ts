import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MlpError } from '../../engine/errors.ts'
import { type ExecContext, runCommand } from '../exec.ts'
import { billOfLocked } from './bill-of-materials.ts'
import type { Descriptor } from './layer.ts'
import { imageOf } from './layout.ts'
import type { ImageName, Platform } from './service-images.ts'

const answerTimeoutMs = 15_000
const buildTimeoutMs = 1_800_000

/** `MLP_IMAGE_BUILDER=docker`: asked for by name, since it was never tried against an engine (docs/decisions.md). */
export function dockerIsWanted(): boolean {
  return process.env['MLP_IMAGE_BUILDER'] === 'docker'
}

interface DockerBuild {
  readonly packageRoot: string
  readonly platform: Platform
  readonly version: string
  readonly sources: string
  readonly report: (message: string) => void
}

/**
 * The service's Dockerfile built by buildx into an OCI layout, as reproducible as BuildKit can: no time, no provenance
 * of this one build. https://docs.docker.com/reference/cli/docker/buildx/build/ Throws MLP2204.
 */
export async function buildWithDocker(
  context: ExecContext,
  name: ImageName,
  { packageRoot, platform, version, sources, report }: DockerBuild,
  layout: string,
): Promise<{ readonly image: Descriptor; readonly bill: object }> {
  report(`${name}: docker builds its Dockerfile`)
  await docker(context, name, ['version', '--format', '{{.Server.Version}}'], packageRoot, answerTimeoutMs)
  const build = [
    ...['--file', `services/${name}/Dockerfile`, '--platform', platform],
    ...['--build-arg', `VERSION=${version}`, '--build-arg', `SOURCES=${sources}`],
    ...['--build-arg', 'SOURCE_DATE_EPOCH=0', '--provenance=false', '--sbom=false'],
    ...['--output', `type=oci,dest=${layout},tar=false,rewrite-timestamp=true`],
  ]
  await docker(context, name, ['buildx', 'build', ...build, '.'], packageRoot, buildTimeoutMs)
  const lock = await readFile(join(packageRoot, 'package-lock.json'), 'utf8')
  return { image: await imageOf(layout), bill: billOfLocked(lock, platform, { name, version }) }
}

async function docker(
  context: ExecContext,
  name: ImageName,
  args: readonly string[],
  cwd: string,
  timeoutMs: number,
): Promise<void> {
  try {
    await runCommand(context, { file: 'docker', args, cwd, timeoutMs })
  } catch (error) {
    if (!(error instanceof MlpError) || error.code === 'MLP5130') throw error
    throw new MlpError({
      code: 'MLP2204',
      summary: `docker did not build the image ${name}`,
      detail: error.detail ?? error.message,
      remedy: [
        'See whether its engine answers, and its builder can write OCI layouts: docker buildx ls',
        'Or build without an engine: unset MLP_IMAGE_BUILDER',
      ],
      command: error.command,
      cause: error,
    })
  }
}
