import { join, relative, resolve } from 'node:path'
import { platformId } from '../../config/names.ts'
import { type ExitCode, exitCodes } from '../../engine/errors.ts'
import { phases } from '../../phases/index.ts'
import { createClouds } from '../clouds.ts'
import type { Io } from '../io.ts'
import type { RenderOptions } from '../options.ts'
import { openPlatform, stateFile } from '../platform-home.ts'
import { renderedReadme } from '../render/readme.ts'
import { writeRendered } from '../render/rendered-folder.ts'
import { readStateFile } from '../state-file.ts'
import { knownTarget, withAccounts } from '../target.ts'

/** Writes every file that mlp would apply. Asks no cloud; what an earlier run recorded is taken from mlp's state. */
export async function runRender(options: RenderOptions, io: Io): Promise<ExitCode> {
  const platform = await openPlatform(options, io)
  const target = await knownTarget(platform, io.env)
  const config = withAccounts(platform.config, target)
  const remembered = await readStateFile(stateFile(platform.home))
  const context = {
    config,
    platformId: platformId(config),
    clouds: await createClouds(config, target, undefined),
    templates: join(io.packageRoot, 'templates'),
    platformFolder: platform.folder,
    home: platform.home,
    signal: new AbortController().signal,
    outputs: (step: string) => {
      const record = remembered?.steps[step]
      return record?.state === 'done' ? record.outputs : undefined
    },
  }
  const renderings = (await Promise.all(phases.map(phase => phase.render(context)))).flat()
  const steps = phases.flatMap(phase => phase.steps(config))
  const folder = resolve(io.cwd, options.folder)
  const readme = renderedReadme({ config, steps, renderings, sandboxRuns: target.caFile !== undefined })
  const files = new Map([['README.md', readme], ...renderings.flatMap(({ files }) => [...files])])
  await writeRendered(folder, files)
  const unknown = renderings.flatMap(({ step, unknown }) =>
    unknown === undefined ? [] : [{ step, unknown }],
  )
  if (options.json) {
    const document = { schemaVersion: 1, folder, files: [...files.keys()], unknown }
    io.stdout.write(`${JSON.stringify(document)}\n`)
  } else if (!options.quiet) {
    const later = unknown.length === 0 ? '' : `; of ${unknown.length} steps some values are not known yet`
    io.stdout.write(
      `${files.size} files in ${relative(io.cwd, folder) || '.'}${later}. Begin with its README.md.\n`,
    )
  }
  return exitCodes.done
}
