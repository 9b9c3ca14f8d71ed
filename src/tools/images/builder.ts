import { rm } from 'node:fs/promises'
import * as z from 'zod'
import { MlpError } from '../../engine/errors.ts'
import type { ExecContext } from '../exec.ts'
import { buildWithDocker, type DockerBuild, tryDocker } from './docker.ts'
import type { Descriptor } from './layer.ts'
import type { ImageName } from './service-images.ts'

type Built = { readonly image: Descriptor; readonly bill: object }

/** An engine that was taken because it answered is not waited for as long as one that was asked for. */
const patienceMs = 900_000
const wantedSchema = z.enum(['docker', 'daemonless'])
/** Of this process: whether the engine that answers was found able to build; it is tried once for three images. */
let tried: Promise<boolean> | undefined

/**
 * An image from its Dockerfile, where an engine answers that can do it; undefined where it is to be laid without one.
 * MLP_IMAGE_BUILDER=docker insists on the engine, =daemonless does without. An engine that was not asked for never
 * fails a run: what it cannot do is said once, and done without it. Throws MLP2204, MLP2205.
 */
export async function buildByEngine(
  context: ExecContext,
  name: ImageName,
  options: DockerBuild,
  layout: string,
): Promise<Built | undefined> {
  const wanted = wantedBuilder()
  if (wanted === 'daemonless') return undefined
  if (wanted === 'docker') return await buildWithDocker(context, name, options, layout)
  tried ??= canBuild(context, options)
  if (!(await tried)) return undefined
  try {
    return await buildWithDocker(context, name, { ...options, timeoutMs: patienceMs }, layout)
  } catch (error) {
    if (!(error instanceof MlpError) || error.code !== 'MLP2204') throw error
    tell(context, `docker did not build ${name}`, error)
    tried = Promise.resolve(false)
    await rm(layout, { recursive: true, force: true })
    return undefined
  }
}

function wantedBuilder(): z.output<typeof wantedSchema> | undefined {
  const value = process.env['MLP_IMAGE_BUILDER']
  if (value === undefined || value === '') return undefined
  const wanted = wantedSchema.safeParse(value)
  if (wanted.success) return wanted.data
  throw new MlpError({
    code: 'MLP2205',
    summary: `MLP_IMAGE_BUILDER is ${JSON.stringify(value)}, which names no way to build images`,
    remedy: ['Set it to docker or daemonless, or unset it: then docker is used where it can build.'],
  })
}

async function canBuild(context: ExecContext, options: DockerBuild): Promise<boolean> {
  options.report('sees whether docker can build here')
  try {
    await tryDocker(context, options)
    return true
  } catch (error) {
    if (!(error instanceof MlpError) || error.code !== 'MLP2204') {
      // An interrupt is no answer of the engine's.
      tried = undefined
      throw error
    }
    tell(context, error.message, error)
    return false
  }
}

/** One line, and nothing of it where there is no engine at all. */
function tell(context: ExecContext, summary: string, { detail = '' }: MlpError): void {
  const noEngine = /not on PATH|Cannot connect to the Docker daemon|error during connect|Is the docker daemon/
  if (noEngine.test(detail)) return
  const lines = detail.split('\n').filter(line => line.trim() !== '')
  const said = lines.findLast(line => /error/i.test(line)) ?? lines[0]
  const why = said === undefined ? '' : `: ${said.trim()}`
  context.emit({
    type: 'notice',
    level: 'info',
    message: `${summary}${why}; images are laid without it`,
  })
}
