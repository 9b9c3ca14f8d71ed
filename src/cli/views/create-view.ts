import type { Io } from '../io.ts'
import type { GlobalOptions } from '../options.ts'
import { chooseColour, chooseView } from './choose.ts'
import type { View } from './view.ts'

/**
 * The view that fits the surroundings. Everything goes to standard output. Each view is imported when chosen: listr2
 * is needed on a terminal only.
 */
export async function createView(
  options: Pick<GlobalOptions, 'json' | 'quiet' | 'verbose' | 'color'>,
  io: Pick<Io, 'stdout' | 'env' | 'version'>,
  more: { readonly logFile?: string } = {},
): Promise<View> {
  const around = { isTty: io.stdout.isTTY === true, env: io.env }
  const settings = {
    colour: chooseColour(options.color, around),
    quiet: options.quiet,
    verbose: options.verbose,
    logFile: more.logFile,
  }
  switch (chooseView(options, around)) {
    case 'ndjson':
      return (await import('./ndjson-view.ts')).ndjsonView(io.stdout, io.version, () => new Date())
    case 'tasks':
      return (await import('./tasks-view.ts')).tasksView(io.stdout, settings)
    case 'lines': {
      const githubActions = io.env['GITHUB_ACTIONS'] === 'true'
      return (await import('./lines-view.ts')).linesView(io.stdout, { ...settings, githubActions })
    }
  }
}
