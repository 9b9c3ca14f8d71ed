import { readdir, readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { type ExitCode, exitCodes } from '../../engine/errors.ts'
import { factsOfCloud } from '../../phases/8-readiness/docs-facts.ts'
import { writeDocsRecord } from '../../phases/8-readiness/docs-record.ts'
import type { Io } from '../io.ts'
import type { ReportOptions } from '../options.ts'
import { writeRendered } from '../render/rendered-folder.ts'
import { maskedFacts } from '../report/docs/masked-facts.ts'
import { docsFiles, unansweredOf } from '../report/docs/pages.ts'
import { type Session, withSession } from '../session.ts'
import { secretsOfEnvironment } from '../support-bundle/masks.ts'

/**
 * Documentation of the platform as it is now: asks the clouds and clusters, writes Markdown and a site into one folder,
 * and notes in the home cloud's cluster that it was made. Takes no lease: nothing of the platform is changed.
 */
export function runReportDocs(options: ReportOptions, folder: string, io: Io): Promise<ExitCode> {
  return withSession({ command: 'report', options, io, changes: false }, session =>
    write(session, resolve(io.cwd, folder), options, io),
  )
}

async function write(session: Session, folder: string, options: ReportOptions, io: Io): Promise<ExitCode> {
  const context = session.makeContext(() => undefined)
  const at = new Date().toISOString()
  const answers = await Promise.all([...context.clouds.values()].map(cloud => factsOfCloud(context, cloud)))
  const environments = [io.env, ...Object.values(context.target.clouds).map(({ environment }) => environment)]
  const clouds = maskedFacts(
    answers.map(({ facts }) => facts),
    environments.flatMap(secretsOfEnvironment),
    answers.flatMap(({ secrets }) => secrets),
    JSON.stringify(context.config),
  )
  const files = docsFiles({
    config: context.config,
    at,
    clouds,
    templates: await textsIn(join(io.packageRoot, 'templates', 'docs')),
    runbooks: await runbooksIn(join(io.packageRoot, 'docs', 'runbooks')),
  })
  await writeRendered(folder, files)
  const unanswered = unansweredOf(clouds)
  for (const each of unanswered)
    session.emit({ type: 'notice', level: 'warning', message: `no answer: ${each}` })
  const noted = await note(session, () => writeDocsRecord(context, { at, runId: session.runId, unanswered }))
  if (options.json) {
    const document = { schemaVersion: 1, folder, files: [...files.keys()], unanswered, noted }
    session.answer(() => io.stdout.write(`${JSON.stringify(document)}\n`))
  } else if (!options.quiet) {
    const start = join(relative(io.cwd, folder) || '.', 'index.html')
    session.answer(() =>
      io.stdout.write(`${files.size} files. Begin with ${start}, or with index.md beside it.\n`),
    )
  }
  return exitCodes.done
}

/** The pages are there whether or not the cluster takes the note. */
async function note(session: Session, work: () => Promise<void>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const message = `the go-live checklist does not learn that this was made: ${why}`
    session.emit({ type: 'notice', level: 'warning', message })
    return false
  }
}

async function textsIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(folder)).filter(name => name.endsWith('.md')).toSorted()
  const texts = names.map(
    async name => [name.slice(0, -'.md'.length), await readFile(join(folder, name), 'utf8')] as const,
  )
  return new Map(await Promise.all(texts))
}

async function runbooksIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const { README: _list, ...runbooks } = Object.fromEntries(await textsIn(folder))
  return new Map(Object.entries(runbooks))
}
